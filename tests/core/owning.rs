//! Whose a database is: of the account that opened it first.

use jindou::channel::Channel;
use jindou::client::{Command, ConnectionView};
use jindou::error::Error;
use jindou::rows::{Answer, Batch, Change, Epoch, Meta, Query};
use jindou::wire::Text;

use crate::world::World;

fn open_as(world: &mut World, uid: &str) {
    world.config.uid = uid.into();
    world.reload();
}

/// Every call that waits for the database is told why, and nothing is done with what is there.
fn is_refused(world: &mut World, uid: &str) {
    let kept = format!("{:?}", world.disk);
    world.hold_loads = true;
    open_as(world, uid);
    let channel = Channel::group("g");
    let commands = [Command::Connect, Command::Outbox, Command::Messages { channel, before: None, limit: 50 }];
    let calls = commands.map(|command| world.call(command));
    world.let_loads_go();
    let refusal = Err(Error::invalid("the database belongs to another account"));
    for call in calls {
        let outcome = world.outcome(call).cloned().map(|outcome| outcome.map(|_| ()));
        assert_eq!(outcome, Some(refusal.clone()));
    }
    assert_eq!(world.last_state(), Some(&ConnectionView::Closed));
    assert!(world.dialled.is_empty() && world.sends().is_empty());
    assert_eq!(format!("{:?}", world.disk), kept, "nothing is written");
}

fn meta(world: &World) -> Meta {
    match world.disk.answer(&Query::Hydrate) {
        Answer::Hydrated { meta, .. } => meta,
        other => panic!("{other:?}"),
    }
}

#[test]
fn another_account_is_refused_and_its_own_finds_it_as_it_was() {
    let mut world = World::new();
    world.send(Channel::group("g"), "n1", "{}");
    is_refused(&mut world, "eve");
    open_as(&mut world, "bob");
    world.connect();
    let sent: Vec<_> = world.sends().iter().map(|send| send.client_msg_no.clone()).collect();
    assert_eq!(sent, [Text::from("n1")]);
}

#[test]
fn one_of_before_that_was_noted_is_whoevers_who_opens_it_first() {
    let mut world = World::new();
    let old = Meta { device_id: "device".to_owned(), last_ordinal: 4, last_batch: 7, ..Meta::default() };
    world.disk.apply(&Batch { epoch: Epoch(1), changes: vec![Change::Meta(old.clone())] }).expect("stored");
    open_as(&mut world, "alice");
    assert_eq!(meta(&world), Meta { last_batch: 8, uid: "alice".into(), ..old });
    is_refused(&mut world, "bob");
}
