//! Many seeds, and the proof that the oracle bites.
//!
//! `JINDOU_SEED=7 cargo test -p jindou-sim --test seeds -- --nocapture` plays one seed and tells its story;
//! `JINDOU_SEEDS=5000` plays so many instead of 300, `JINDOU_FIRST=1000` from another one on. `JINDOU_CROWD` and `JINDOU_CROWDS` do the
//! same for those who talk without pause, `JINDOU_TOWN` and `JINDOU_TOWNS` where there are many conversations.

use std::sync::atomic::{AtomicU64, Ordering};

use jindou_gateway::Generation;
use jindou_sim::{Defect, Failure, Faults, Outcome, Plan, Society, run};

const SEEDS: u64 = 300;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Plays seeds on two threads, and gives what failed and what all of them came to.
fn play(seeds: std::ops::Range<u64>, plan: impl Fn(u64) -> Plan + Sync) -> (Vec<Failure>, Vec<Outcome>) {
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let (mut failures, mut outcomes) = (Vec::new(), Vec::new());
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return (failures, outcomes);
            }
            // A panic of the core is a failure of this seed like any other.
            let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(plan(seed), false)));
            match played {
                Ok(Ok(outcome)) => outcomes.push(outcome),
                Ok(Err(failure)) => failures.push(failure),
                Err(_) => failures.push(Failure { seed, what: "8: a panic".to_owned(), story: Vec::new() }),
            }
        }
    };
    let (one, other) = std::thread::scope(|scope| {
        let other = scope.spawn(work);
        (work(), other.join().expect("the seeds are guarded"))
    });
    let (mut failures, mut outcomes) = one;
    failures.extend(other.0);
    outcomes.extend(other.1);
    failures.sort_by_key(|failure| failure.seed);
    (failures, outcomes)
}

fn told(failures: &[Failure]) -> Vec<String> {
    failures.iter().map(|failure| format!("seed {}: {}", failure.seed, failure.what)).collect()
}

/// Plays one plan and tells its story if it fails.
fn tell(plan: Plan) {
    let failure = match run(plan.clone(), true) {
        Ok(outcome) => return println!("{plan:?}\n{outcome:?}"),
        Err(failure) => failure,
    };
    println!("{plan:?}");
    failure.story.iter().for_each(|line| println!("{line}"));
    panic!("seed {}: {}", failure.seed, failure.what);
}

#[test]
fn whatever_fails_nothing_is_lost_shown_twice_or_kept_after_a_recall() {
    if let Some(seed) = number("JINDOU_SEED") {
        return tell(Plan::of(seed));
    }
    let first = number("JINDOU_FIRST").unwrap_or(0);
    let last = first + number("JINDOU_SEEDS").unwrap_or(SEEDS);
    let (failures, outcomes) = play(first..last, Plan::of);
    let sum = |what: fn(&Outcome) -> u64| outcomes.iter().map(what).sum::<u64>();
    println!(
        "{} seeds: {} steps, {} messages stored, {} promises settled, {} recalls applied, {} tabs",
        outcomes.len(),
        sum(|outcome| outcome.steps),
        sum(|outcome| outcome.messages as u64),
        sum(|outcome| outcome.promises),
        sum(|outcome| outcome.purged),
        sum(|outcome| u64::from(outcome.crashes)),
    );
    let told = told(&failures);
    assert!(
        told.is_empty(),
        "{} of {} seeds fail; replay one with JINDOU_SEED:\n{}",
        told.len(),
        last - first,
        told.join("\n")
    );
}

#[test]
fn the_same_seed_gives_the_same_story() {
    for seed in 0..4 {
        let (one, other) = (run(Plan::of(seed), false), run(Plan::of(seed), false));
        assert_eq!(one.map_err(|failure| failure.what), other.map_err(|failure| failure.what), "seed {seed}");
    }
}

/// How many seeds a broken rule may survive.
const PATIENCE: u64 = 60;

/// A defect that the oracle does not see is a hole in the oracle.
fn is_found(defect: Defect, by: &str) {
    is_found_in(defect, by, Plan::of);
}

fn is_found_in(defect: Defect, by: &str, plan: impl Fn(u64) -> Plan) {
    for seed in 0..PATIENCE {
        let plan = plan(seed).with(defect);
        let played = std::panic::catch_unwind(|| run(plan, false));
        let Ok(Err(failure)) = played else { continue };
        if failure.what.contains(by) {
            return println!("{defect:?}: seed {seed}, {}", failure.what);
        }
    }
    panic!("{defect:?} survives {PATIENCE} seeds");
}

#[test]
fn an_ack_before_the_commit_is_found() {
    is_found(Defect::AckBeforeCommit, "5: ");
}

#[test]
fn dedup_that_does_not_survive_a_reload_is_found() {
    is_found(Defect::DedupInMemoryOnly, "1: ");
}

#[test]
fn another_client_msg_no_on_retry_is_found() {
    is_found(Defect::NewNumberOnRetry, "which nobody has named");
}

#[test]
fn a_recall_that_is_dropped_because_it_came_early_is_found() {
    is_found(Defect::EarlyRecallDropped, "4: ");
}

#[test]
fn sending_again_out_of_order_is_found() {
    is_found(Defect::ResendOutOfOrder, "order: ");
}

#[test]
fn quotes_that_a_recall_leaves_are_found() {
    is_found(Defect::QuotesKept, "in the row of");
}

#[test]
fn a_conversation_that_a_recall_leaves_is_found() {
    is_found(Defect::DigestKept, "in a conversation");
}

#[test]
fn an_unconfirmed_message_that_is_taken_for_sent_is_found() {
    is_found(Defect::UnconfirmedForgotten, "2: ");
}

/// Only where a leader stays away for longer than a tab lives.
#[test]
fn a_doubt_that_does_not_survive_a_reload_is_found() {
    let plan = |seed| Plan { stranded: true, leaderless: Some(120_000), ..Plan::town(seed) };
    is_found_in(Defect::DoubtForgotten, "and one node alone has it", plan);
}

#[test]
fn staying_away_from_a_group_after_coming_back_to_it_is_found() {
    let plan = |seed| {
        let town = Plan::town(seed);
        Plan { society: Society { groups: 3, leaves: 4, ..town.society }, ..town }
    };
    is_found_in(Defect::RefusedForGood, "10: ", plan);
}

#[test]
fn coming_back_after_a_kick_is_found() {
    is_found(Defect::BackAfterKick, "its login was ended");
}

#[test]
fn a_token_in_a_problem_is_found() {
    is_found(Defect::TokenInProblem, "8: ");
}

#[test]
fn a_figure_that_counts_again_what_was_read_is_found() {
    is_found(Defect::UnreadKept, "has unread and read");
}

#[test]
fn an_audit_that_says_nothing_is_found() {
    is_found(Defect::AuditForgotten, "audit: ");
}

#[test]
fn a_wipe_that_is_forgotten_is_found() {
    is_found(Defect::WipeForgotten, "wipes its database");
}

#[test]
fn what_is_owed_to_others_and_forgotten_is_found() {
    is_found(Defect::AcksForgotten, "never acks");
    is_found(Defect::EndForgotten, "never says that all is here");
    is_found(Defect::CommandsForgotten, "told command");
    is_found(Defect::CommandsUntold, "hears of command");
    is_found(Defect::KeptUntold, "is never told");
    is_found(Defect::DiscardForgotten, "which was discarded");
    is_found(Defect::NewsCalledOld, "and never told it");
    is_found(Defect::DenialForgotten, "and no mark tells so");
    is_found(Defect::DenialOfAuthors, "is somebody else's");
    is_found(Defect::AnswerForgotten, "still waits for");
}

#[test]
fn claims_that_are_not_true_are_found() {
    is_found_in(Defect::DoneAtOnce, "catching up done without", Plan::town);
    is_found_in(Defect::StartClaimed, "the start of", Plan::town);
    is_found_in(Defect::WholeClaimed, "whole, without", Plan::town);
    is_found_in(Defect::HistoryClaimed, "complete without", Plan::town);
    is_found_in(Defect::WordForgotten, "10: ", Plan::town);
    is_found_in(Defect::ListReversed, "behind an older one", Plan::town);
}

#[test]
fn staying_away_from_a_gateway_that_restarted_is_found() {
    is_found_in(Defect::NeverBack, "10: ", |seed| Plan { restarts: 1, ..Plan::calm(seed) });
}

#[test]
fn clinging_to_an_old_token_is_found() {
    // Somebody must come back while it is old.
    let plan = |seed| {
        let faults = Faults { crash: 8, ..Faults::default() };
        Plan { bad_tokens: true, faults, ..Plan::calm(seed) }
    };
    is_found_in(Defect::TokenKept, "10: ", plan);
}

#[test]
fn what_is_broken_is_found_at_generation_3_too() {
    let plan = |seed| Plan::of(seed).at(Generation::V3);
    // Somebody must come back without an answer to what is stored.
    let faults = Faults { ack_lost: 150, crash: 8, ..Faults::default() };
    let forgetful = move |seed| Plan { faults, ..Plan::calm(seed).at(Generation::V3) };
    is_found_in(Defect::OtherWordsOnRetry, "still owes", forgetful);
    is_found_in(Defect::AckBeforeCommit, "5: ", plan);
    is_found_in(Defect::QuotesKept, "in the row of", plan);
    // Whoever was away reads the marks before the messages.
    is_found_in(Defect::EarlyRecallDropped, "4: ", |seed| Plan::crowd(seed).at(Generation::V3));
}

#[test]
fn without_faults_every_message_is_stored_once() {
    for seed in 0..10 {
        let outcome = run(Plan::calm(seed), false).unwrap_or_else(|failure| panic!("seed {seed}: {}", failure.what));
        assert_eq!(outcome.copies, 0, "seed {seed}: second copies");
    }
}

/// Whatever the oracle says of the rest: from a disk that tells something else, no core can know what is true.
#[test]
fn rows_that_are_wrong_are_no_reason_to_panic() {
    let (failures, _) = play(0..40, |seed| Plan::of(seed).with(Defect::DamagedRows));
    let told = told(&failures);
    assert!(told.is_empty(), "{told:#?}");
}

/// What is known of a channel beside its messages can be had again.
#[test]
fn what_the_disk_forgot_of_channels_comes_back() {
    if let Some(seed) = number("JINDOU_LOST") {
        return tell(Plan::of(seed).with(Defect::ChannelsLost));
    }
    let (failures, _) = play(0..number("JINDOU_LOSTS").unwrap_or(8), |seed| Plan::of(seed).with(Defect::ChannelsLost));
    let told = told(&failures);
    assert!(told.is_empty(), "{told:#?}");
}

/// Conversations of hundreds of messages, so that more is missing than a page of the history holds.
#[test]
fn people_who_talk_without_pause_lose_nothing() {
    if let Some(seed) = number("JINDOU_CROWD") {
        return tell(Plan::crowd(seed));
    }
    let first = number("JINDOU_FIRST").unwrap_or(0);
    let seeds = first..first + number("JINDOU_CROWDS").unwrap_or(12);
    let (failures, outcomes) = play(seeds, Plan::crowd);
    println!("{} messages stored", outcomes.iter().map(|outcome| outcome.messages).sum::<usize>());
    let told = told(&failures);
    assert!(told.is_empty(), "{told:#?}");
}

/// Many conversations and much to catch up with, and servers and devices that fail for a while in one way and not in another.
#[test]
fn whoever_was_away_reads_all_of_it_back_to_the_beginning() {
    if let Some(seed) = number("JINDOU_TOWN") {
        return tell(Plan::town(seed));
    }
    let first = number("JINDOU_FIRST").unwrap_or(0);
    let seeds = first..first + number("JINDOU_TOWNS").unwrap_or(12);
    let (failures, outcomes) = play(seeds, Plan::town);
    let sum = |what: fn(&Outcome) -> u64| outcomes.iter().map(what).sum::<u64>();
    println!(
        "{} messages stored, {} recalls applied",
        sum(|outcome| outcome.messages as u64),
        sum(|outcome| outcome.purged)
    );
    let told = told(&failures);
    assert!(told.is_empty(), "{told:#?}");
}
