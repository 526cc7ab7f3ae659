//! "No structure in memory": an allocator knows what the core of each simulated device has allocated and not freed, and looks
//! for what a recall has taken away. A binary of its own, since an allocator is the whole process's.
//!
//! `JINDOU_SEEDS=1 JINDOU_FIRST=7` plays one seed, and tells its story if it fails.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Mutex;

use jindou_sim::{Allocations, Defect, Look, Plan, Probe, run_probed};

/// Owner and size of each live allocation of bytes that belongs to somebody, by address.
static LIVE: Mutex<BTreeMap<usize, (u32, usize)>> = Mutex::new(BTreeMap::new());

thread_local! {
    static OWNER: Cell<Option<u32>> = const { Cell::new(None) };
    /// The allocator's own bookkeeping allocates too.
    static BUSY: Cell<bool> = const { Cell::new(false) };
}

struct Tagging;

impl Tagging {
    fn note(&self, change: impl FnOnce(&mut BTreeMap<usize, (u32, usize)>)) {
        if BUSY.replace(true) {
            return;
        }
        if let Ok(mut live) = LIVE.lock() {
            change(&mut live);
        }
        BUSY.set(false);
    }
}

// SAFETY: every call goes to the system's allocator with its own arguments; what is noted beside it is never dereferenced
// unless it is live.
unsafe impl GlobalAlloc for Tagging {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // Words are kept in bytes. What is aligned holds pointers and numbers, and between them whatever stood on the stack before.
        let Some(owner) = OWNER.get().filter(|_| layout.align() == 1) else {
            // SAFETY: the caller's promise is passed on.
            return unsafe { System.alloc(layout) };
        };
        // Zeroed, so that nothing of an earlier allocation shows in what this one has not written yet.
        // SAFETY: the caller's promise is passed on.
        let address = unsafe { System.alloc_zeroed(layout) };
        self.note(|live| _ = live.insert(address as usize, (owner, layout.size())));
        address
    }

    unsafe fn dealloc(&self, address: *mut u8, layout: Layout) {
        self.note(|live| _ = live.remove(&(address as usize)));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(address, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Tagging = Tagging;

fn owner(owner: Option<u32>) {
    OWNER.set(owner);
}

/// Shows every live allocation of the owner. Runs on the thread that made them.
fn show(owner: u32, look: Look<'_>) {
    BUSY.set(true);
    let live: Vec<(usize, usize)> = match LIVE.lock() {
        Ok(live) => live.iter().filter(|(_, (of, _))| *of == owner).map(|(at, (_, size))| (*at, *size)).collect(),
        Err(_) => Vec::new(),
    };
    for (at, size) in live {
        // SAFETY: it is live, of this size, written at least with zeroes, and nobody writes to it meanwhile.
        look(unsafe { std::slice::from_raw_parts(at as *const u8, size) });
    }
    BUSY.set(false);
}

const PROBE: Probe = Probe(Some(Allocations { owner, show }));

fn forget_all() {
    PROBE.within(0, || ());
    BUSY.set(true);
    if let Ok(mut live) = LIVE.lock() {
        live.clear();
    }
    BUSY.set(false);
}

/// One test, since both parts share the allocator.
#[test]
fn nothing_of_a_recalled_message_stays_in_the_memory_of_a_core_and_a_core_that_keeps_it_is_found() {
    let first = std::env::var("JINDOU_FIRST").ok().and_then(|first| first.parse().ok()).unwrap_or(0);
    let seeds = std::env::var("JINDOU_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(12_u64);
    let mut looks = 0;
    for seed in first..first + seeds {
        forget_all();
        match run_probed(Plan::of(seed), seeds == 1, PROBE) {
            Ok(outcome) => looks += outcome.memory_looks,
            Err(failure) => panic!("seed {seed}: {}\n{}", failure.what, failure.story.join("\n")),
        }
    }
    println!("{seeds} seeds: a withdrawn content was looked for {looks} times");
    assert!(looks > 0, "nothing was recalled");
    let found = (0..20).find_map(|seed| {
        forget_all();
        let failure = run_probed(Plan::of(seed).with(Defect::MemoryKept), false, PROBE).err()?;
        failure.what.contains("in memory").then_some(failure.what)
    });
    println!("{:?}: {}", Defect::MemoryKept, found.expect("survives 20 seeds"));
}
