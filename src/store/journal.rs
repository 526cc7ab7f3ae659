//! What the last batches added to dedup information and channel rows, in few small records, until it is *folded*: sorted into
//! the channels to which it belongs.
//!
//! For a store whose cost is the number of its records: a batch that touches a hundred channels writes one here and not two
//! hundred. Not for messages, which have records of their own, and not for what is taken away: who forgets rows folds.
//!
//! ```text
//!  batch ─► notes ─► record 1, 2, … n     the last is written again while it is small
//!                        │ many, or something is taken away
//!                        ▼
//!           a dedup run and a row for each channel; the records go, and the next is number 1
//! ```

use crate::channel::Channel;
use crate::rows::Seen;
use crate::sorted::Map;

use super::codec;

/// Browsers keep values above some 60 KB in files of their own, which clean-up tools delete.
const RECORD: usize = 48 * 1024;
/// What a message that comes alone writes again.
const SMALL: usize = 4 * 1024;
/// A start reads all of it, and a fold writes all of it.
const RECORDS: u64 = 64;
const ENTRIES: usize = 8_192;
const BYTES: usize = 512 * 1024;
/// Of a note that is cut in pieces, each fits a record.
const PIECE: usize = 2_048;

/// What one batch adds to a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub channel: Channel,
    pub seen: Vec<Seen>,
    /// The channel's row as `codec` writes it, in place of the one before.
    pub row: Option<Vec<u8>>,
}

impl Note {
    /// At least what it takes in a record.
    fn size(&self) -> usize {
        // Two numbers of at most ten bytes each.
        const ENTRY: usize = 20;
        const FIXED: usize = 16;
        FIXED + self.channel.id.len() + self.seen.len() * ENTRY + self.row.as_ref().map_or(0, Vec::len)
    }

    fn join(&mut self, later: Note) {
        self.seen.extend(later.seen);
        self.row = later.row.or(self.row.take());
    }

    /// Itself, or pieces of which each fits a record as far as its row does.
    fn pieces(self) -> Vec<Note> {
        if self.size() <= RECORD {
            return vec![self];
        }
        let Note { channel, seen, row } = self;
        let piece = |seen: &[Seen]| Note { channel: channel.clone(), seen: seen.to_vec(), row: None };
        let mut pieces: Vec<Note> = seen.chunks(PIECE).map(piece).collect();
        pieces.push(Note { channel, seen: Vec::new(), row });
        pieces
    }
}

/// A record's number, which is its key, and its value.
pub type Record = (u64, Vec<u8>);

/// The same as the records, in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Journal {
    notes: Vec<Note>,
    records: u64,
    /// Where the notes of the last record begin, and its size.
    last: usize,
    last_size: usize,
    entries: usize,
    size: usize,
}

impl Journal {
    /// What these records hold, in their order. One that cannot be read is nothing.
    pub fn read(records: impl Iterator<Item = Option<Vec<Note>>>) -> Self {
        let mut journal = Self::default();
        for record in records {
            journal.begin();
            match record {
                Some(notes) => notes.into_iter().for_each(|note| journal.push(note)),
                // It is not written again: a later version may read it, until it is folded.
                None => journal.last_size = SMALL,
            }
        }
        journal
    }

    /// How many records there are.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Adds what a batch brings, one note a channel. Answers the records that keep it.
    pub fn add(&mut self, notes: Vec<Note>) -> Vec<Record> {
        let mut written = Vec::new();
        if notes.is_empty() {
            return written;
        }
        let size: usize = notes.iter().map(Note::size).sum();
        if self.records > 0 && self.last_size + size <= SMALL {
            notes.into_iter().for_each(|note| self.join(note));
        } else {
            self.begin();
            for note in notes {
                for piece in note.pieces() {
                    if self.last_size > 0 && self.last_size + piece.size() > RECORD {
                        written.push(self.last_record());
                        self.begin();
                    }
                    self.push(piece);
                }
            }
        }
        written.push(self.last_record());
        written
    }

    /// It holds as much as it should; what holds more is slow to read and to fold.
    pub fn is_full(&self) -> bool {
        self.records >= RECORDS || self.entries >= ENTRIES || self.size >= BYTES
    }

    /// The dedup information of a channel.
    pub fn seen(&self, channel: &Channel) -> Vec<Seen> {
        let mut seen = Vec::new();
        for note in self.notes.iter().filter(|note| note.channel == *channel) {
            seen.extend_from_slice(&note.seen);
        }
        seen
    }

    /// Takes a channel's dedup information out. Only who folds may: the records still have it.
    pub fn take_seen(&mut self, channel: &Channel) -> Vec<Seen> {
        let mut seen = Vec::new();
        for note in self.notes.iter_mut().filter(|note| note.channel == *channel) {
            seen.append(&mut note.seen);
        }
        seen
    }

    /// The rows that it has; of one channel the last counts.
    pub fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.notes.iter().filter_map(|note| note.row.as_deref())
    }

    /// Everything and these, one note a channel. It is empty then, and no record is left.
    pub fn fold(&mut self, with: Vec<Note>) -> Map<Channel, Note> {
        let mut folded: Map<Channel, Note> = Map::new();
        let mut notes = core::mem::take(self).notes;
        notes.extend(with);
        for note in notes {
            match folded.get_mut(&note.channel) {
                Some(earlier) => earlier.join(note),
                None => {
                    folded.insert(note.channel.clone(), note);
                }
            }
        }
        folded
    }

    fn begin(&mut self) {
        self.records += 1;
        self.last = self.notes.len();
        self.last_size = 0;
    }

    fn push(&mut self, note: Note) {
        self.last_size += note.size();
        self.size += note.size();
        self.entries += note.seen.len();
        self.notes.push(note);
    }

    /// Into the last record, which is small.
    fn join(&mut self, note: Note) {
        let Some(at) = self.notes[self.last..].iter().position(|known| known.channel == note.channel) else {
            return self.push(note);
        };
        let mut joined = self.notes.remove(self.last + at);
        self.last_size -= joined.size();
        self.size -= joined.size();
        self.entries -= joined.seen.len();
        joined.join(note);
        self.push(joined);
    }

    fn last_record(&self) -> Record {
        (self.records, codec::encode_all(&self.notes[self.last..]))
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::id::MessageSeq;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn note(channel: u8, seqs: core::ops::Range<u64>, row: Option<usize>) -> Note {
        let seen = seqs.map(|seq| Seen { hash: u64::MAX - seq, placed_at: MessageSeq(seq) }).collect();
        Note { channel: Channel::group(format!("g{channel}")), seen, row: row.map(|length| vec![channel; length]) }
    }

    /// What is known of each channel.
    type Known = BTreeMap<Channel, (BTreeSet<Seen>, Option<Vec<u8>>)>;

    /// The records of a store, and the channels' own.
    #[derive(Default)]
    struct Disk {
        records: BTreeMap<u64, Vec<u8>>,
        folded: Known,
    }

    impl Disk {
        fn open(&self) -> Journal {
            assert!(self.records.keys().copied().eq(1..=self.records.len() as u64), "numbers without a hole");
            Journal::read(self.records.values().map(|record| codec::decode(record)))
        }

        fn write(&mut self, journal: &mut Journal, notes: Vec<Note>) -> bool {
            let written = journal.add(notes);
            let full = journal.is_full();
            if full {
                for (channel, note) in journal.fold(Vec::new()) {
                    let folded = self.folded.entry(channel).or_default();
                    folded.0.extend(note.seen);
                    folded.1 = note.row.or(folded.1.take());
                }
                self.records.clear();
            } else {
                self.records.extend(written);
            }
            full
        }

        /// As a start sees it.
        fn all(&self, journal: &Journal) -> Known {
            let mut all = self.folded.clone();
            for note in &journal.notes {
                let of = all.entry(note.channel.clone()).or_default();
                of.0.extend(journal.seen(&note.channel));
                of.1 = note.row.clone().or(of.1.take());
            }
            all
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn nothing_is_lost_through_any_batches_starts_and_folds(
            batches in prop::collection::vec(
                (prop::collection::btree_map(0u8..20, (0usize..300, prop::option::of(0usize..30_000)), 0..8), any::<bool>()),
                0..24,
            )
        ) {
            let (mut disk, mut journal) = (Disk::default(), Journal::default());
            let mut truth = Known::new();
            let mut seq = 1;
            for (batch, starts_anew) in batches {
                let mut notes = Vec::new();
                for (channel, (count, row)) in batch {
                    let note = note(channel, seq..seq + count as u64, row);
                    seq += count as u64;
                    let known = truth.entry(note.channel.clone()).or_default();
                    known.0.extend(note.seen.iter().copied());
                    known.1 = note.row.clone().or(known.1.take());
                    notes.push(note);
                }
                disk.write(&mut journal, notes);
                prop_assert!(disk.records.values().all(|record| record.len() <= RECORD));
                prop_assert_eq!(&disk.open(), &journal);
                if starts_anew {
                    journal = disk.open();
                }
                prop_assert_eq!(disk.all(&journal), truth.clone());
            }
        }
    }

    #[test]
    fn what_comes_alone_is_written_into_the_last_record_while_it_is_small() {
        let (mut disk, mut journal) = (Disk::default(), Journal::default());
        for seq in 1..=100 {
            assert!(!disk.write(&mut journal, vec![note(1, seq..seq + 1, Some(300))]));
        }
        assert_eq!(disk.records.len(), 1);
        assert_eq!(journal.rows().count(), 1, "a row of the same record replaces the one before");
        journal = disk.open();
        disk.write(&mut journal, vec![note(2, 1..2, Some(300))]);
        assert_eq!(disk.records.len(), 1, "after a start too");
        disk.write(&mut journal, vec![note(3, 1..2, Some(SMALL))]);
        assert_eq!(disk.records.len(), 2);
    }

    #[test]
    fn each_of_its_bounds_makes_it_full() {
        let records = |_| note(1, 0..0, Some(SMALL));
        let entries = |at| note(1, at * 1000..at * 1000 + 1000, None);
        let bytes = |_| note(1, 0..0, Some(40_000));
        let batches: [(&str, &dyn Fn(u64) -> Note); 3] =
            [("records", &records), ("entries", &entries), ("bytes", &bytes)];
        for (name, batch) in batches {
            let (mut disk, mut journal) = (Disk::default(), Journal::default());
            let full = (1..=100).find(|at| disk.write(&mut journal, vec![batch(*at)]));
            assert!(full.is_some_and(|at| at > 5), "{name}: {full:?}");
            assert_eq!((journal, disk.records.len(), disk.folded.len()), (Journal::default(), 0, 1), "{name}");
        }
    }

    #[test]
    fn a_note_that_fits_no_record_is_cut() {
        let (mut disk, mut journal) = (Disk::default(), Journal::default());
        let large = note(1, 0..8_000, Some(40_000));
        disk.write(&mut journal, vec![large.clone()]);
        assert!(disk.records.len() > 3 && disk.records.values().all(|record| record.len() <= RECORD));
        assert_eq!(disk.open().fold(Vec::new()).into_values().collect::<Vec<_>>(), [large]);
    }

    #[test]
    fn a_record_that_cannot_be_read_takes_no_other_with_it() {
        let mut disk = Disk::default();
        let mut journal = Journal::default();
        disk.write(&mut journal, vec![note(1, 1..2, Some(SMALL))]);
        disk.write(&mut journal, vec![note(2, 1..2, None)]);
        disk.records.insert(2, b"damaged".to_vec());
        let mut journal = disk.open();
        disk.write(&mut journal, vec![note(3, 1..2, None)]);
        assert_eq!(disk.records.get(&2).map(Vec::as_slice), Some(&b"damaged"[..]));
        assert_eq!(
            disk.open().fold(Vec::new()).into_keys().collect::<Vec<_>>(),
            [note(1, 0..0, None).channel, note(3, 0..0, None).channel]
        );
    }

    #[test]
    fn the_dedup_information_of_a_channel_is_found_and_taken_out_alone() {
        let mut journal = Journal::default();
        journal.add(vec![note(1, 1..3, None), note(2, 5..6, None)]);
        journal.add(vec![note(1, 3..4, None)]);
        let one = note(1, 1..4, None);
        assert_eq!(journal.seen(&one.channel), one.seen);
        assert_eq!(journal.take_seen(&one.channel), one.seen);
        let left: Vec<_> = journal.fold(Vec::new()).into_values().filter(|note| !note.seen.is_empty()).collect();
        assert_eq!(left, [note(2, 5..6, None)]);
    }

    /// What is on people's disks: these bytes are read for ever.
    #[test]
    fn a_record_of_version_1_is_read() {
        let bytes = b"\x01\x02\x02\x01g\x01\x54\x07\x00\x01\x02yo\x00\x01\x02\x01\x00";
        let notes: Vec<Note> = codec::decode(bytes).expect("a record");
        let seen = vec![Seen { hash: 84, placed_at: MessageSeq(7) }];
        let group = Note { channel: Channel::group("g"), seen, row: None };
        let person = Note { channel: Channel::person("yo"), seen: Vec::new(), row: Some(vec![1, 0]) };
        assert_eq!(notes, [group, person]);
        assert_eq!(codec::encode_all(&notes), bytes);
    }
}
