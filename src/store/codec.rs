//! Rows as bytes, for stores that keep bytes: the fields in order, numbers as short as they are, a version in front.
//!
//! Not a protocol: what one version of this package wrote, the next reads. A field may be added at the end of a row only
//! with a new `VERSION` and the old layout still read, or as one that is left out while it says nothing (`doubts`); the golden
//! rows in the tests hold that.

use crate::channel::{Channel, ClientMsgNo, Uid};
use crate::id::{MessageId, MessageSeq};
use crate::rows::{
    AuditRow, ChannelRow, Copy, Digest, Mark, MarkState, MessageRow, MessageState, Meta, OutboxRow, OutboxState,
    QuarantineRow, Range, Role, Seen,
};
use crate::time::Wall;

use super::journal::Note;

const VERSION: u8 = 1;

pub fn encode<T: Field>(row: &T) -> Vec<u8> {
    let mut out = vec![VERSION];
    row.write(&mut out);
    out
}

/// As a `Vec` of them.
pub fn encode_all<T: Field>(items: &[T]) -> Vec<u8> {
    let mut out = vec![VERSION];
    write_list(items, &mut out);
    out
}

/// Nothing where it is damaged, cut, longer than it should be or of a version that is not known.
pub fn decode<T: Field>(bytes: &[u8]) -> Option<T> {
    let mut reader = Reader { bytes };
    (reader.byte()? == VERSION).then_some(())?;
    let row = T::read(&mut reader)?;
    reader.bytes.is_empty().then_some(row)
}

pub struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*first)
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(taken)
    }

    /// A count of things of at least a byte each, so that damaged bytes cannot ask for much memory.
    fn count(&mut self) -> Option<usize> {
        usize::try_from(u64::read(self)?).ok().filter(|count| *count <= self.bytes.len())
    }
}

/// Something that is written and read in one piece.
pub trait Field: Sized {
    fn write(&self, out: &mut Vec<u8>);
    fn read(input: &mut Reader<'_>) -> Option<Self>;

    fn write_all(items: &[Self], out: &mut Vec<u8>) {
        for item in items {
            item.write(out);
        }
    }

    fn read_all(count: usize, input: &mut Reader<'_>) -> Option<Vec<Self>> {
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(Self::read(input)?);
        }
        Some(items)
    }
}

impl Field for u8 {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }
    fn read(input: &mut Reader<'_>) -> Option<Self> {
        input.byte()
    }
    fn write_all(items: &[Self], out: &mut Vec<u8>) {
        out.extend_from_slice(items);
    }
    fn read_all(count: usize, input: &mut Reader<'_>) -> Option<Vec<Self>> {
        input.take(count).map(<[u8]>::to_vec)
    }
}

/// Seven bits a byte, the lowest first.
impl Field for u64 {
    fn write(&self, out: &mut Vec<u8>) {
        let mut left = *self;
        while left >= 0x80 {
            out.push(left as u8 | 0x80);
            left >>= 7;
        }
        out.push(left as u8);
    }
    fn read(input: &mut Reader<'_>) -> Option<Self> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = input.byte()?;
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit.
            (bits << shift >> shift == bits).then_some(())?;
            value |= bits << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}

impl Field for u32 {
    fn write(&self, out: &mut Vec<u8>) {
        u64::from(*self).write(out);
    }
    fn read(input: &mut Reader<'_>) -> Option<Self> {
        u64::read(input)?.try_into().ok()
    }
}

/// The sign in the lowest bit, so that small negatives are short too.
impl Field for i64 {
    fn write(&self, out: &mut Vec<u8>) {
        ((self << 1 ^ self >> 63) as u64).write(out);
    }
    fn read(input: &mut Reader<'_>) -> Option<Self> {
        let value = u64::read(input)?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }
}

impl Field for bool {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
    fn read(input: &mut Reader<'_>) -> Option<Self> {
        match input.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl<T: Field> Field for Vec<T> {
    fn write(&self, out: &mut Vec<u8>) {
        write_list(self, out);
    }
    fn read(input: &mut Reader<'_>) -> Option<Self> {
        let count = input.count()?;
        T::read_all(count, input)
    }
}

fn write_list<T: Field>(items: &[T], out: &mut Vec<u8>) {
    (items.len() as u64).write(out);
    T::write_all(items, out);
}

impl Field for String {
    fn write(&self, out: &mut Vec<u8>) {
        (self.len() as u64).write(out);
        out.extend_from_slice(self.as_bytes());
    }
    fn read(input: &mut Reader<'_>) -> Option<Self> {
        String::from_utf8(Vec::read(input)?).ok()
    }
}

impl<T: Field> Field for Option<T> {
    fn write(&self, out: &mut Vec<u8>) {
        self.is_some().write(out);
        if let Some(value) = self {
            value.write(out);
        }
    }
    fn read(input: &mut Reader<'_>) -> Option<Self> {
        Some(if bool::read(input)? { Some(T::read(input)?) } else { None })
    }
}

macro_rules! wrapped {
    ($($name:ident),*) => {$(
        impl Field for $name {
            fn write(&self, out: &mut Vec<u8>) {
                self.0.write(out);
            }
            fn read(input: &mut Reader<'_>) -> Option<Self> {
                Field::read(input).map($name)
            }
        }
    )*};
}

wrapped!(MessageId, MessageSeq, Wall, Uid, ClientMsgNo);

/// Their order is the layout.
macro_rules! fields {
    ($name:ident { $($field:ident),* $(,)? }) => {
        impl Field for $name {
            fn write(&self, out: &mut Vec<u8>) {
                $(self.$field.write(out);)*
            }
            fn read(input: &mut Reader<'_>) -> Option<Self> {
                Some($name { $($field: Field::read(input)?,)* })
            }
        }
    };
}

fields!(Channel { kind, id });
fields!(Copy { message_id, message_seq });
fields!(Range { first, last });
fields!(Seen { hash, placed_at });
fields!(Note { channel, seen, row });
fields!(Mark { version, state, client_msg_no, copies, author, operator, role, at, deadline, hint });
fields!(MessageRow {
    channel,
    message_seq,
    message_id,
    client_msg_no,
    from,
    timestamp,
    setting,
    expire,
    topic,
    content,
    state,
    mark,
    copies,
    counted,
    unconfirmed,
});
fields!(OutboxRow { client_msg_no, ordinal, channel, content, created_at, expire, flags, setting, topic, state });
fields!(Digest { message_seq, message_id, client_msg_no, from, timestamp, content, state, mark });
fields!(QuarantineRow { message_id, message_seq, at, why, raw });
fields!(AuditRow { ordinal, at, channel, operator, client_msg_no, copies, what, by });

/// Each has its number for ever.
macro_rules! numbered {
    ($name:ident { $($variant:ident = $number:literal),* $(,)? }) => {
        impl Field for $name {
            fn write(&self, out: &mut Vec<u8>) {
                out.push(match self { $($name::$variant => $number,)* });
            }
            fn read(input: &mut Reader<'_>) -> Option<Self> {
                match input.byte()? {
                    $($number => Some($name::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

numbered!(MessageState { Normal = 0, Hidden = 1, Recalled = 2, Deleted = 3 });
numbered!(MarkState { Recalled = 0, Restored = 1, Deleted = 2 });
numbered!(Role { Author = 0, Member = 1, Admin = 2, Owner = 3, System = 4, Other = 5 });

impl Field for ChannelRow {
    fn write(&self, out: &mut Vec<u8>) {
        self.channel.write(out);
        self.ranges.write(out);
        self.last_seq.write(out);
        self.read_to.write(out);
        self.unread.write(out);
        self.marks_version.write(out);
        self.last.write(out);
        self.reached_start.write(out);
        // Only while there are some: otherwise the row is as it was before there were any.
        if !self.doubts.is_empty() {
            self.doubts.write(out);
        }
    }
    fn read(input: &mut Reader<'_>) -> Option<Self> {
        Some(ChannelRow {
            channel: Field::read(input)?,
            ranges: Field::read(input)?,
            last_seq: Field::read(input)?,
            read_to: Field::read(input)?,
            unread: Field::read(input)?,
            marks_version: Field::read(input)?,
            last: Field::read(input)?,
            reached_start: Field::read(input)?,
            doubts: if input.bytes.is_empty() { Vec::new() } else { Field::read(input)? },
        })
    }
}

impl Field for Meta {
    fn write(&self, out: &mut Vec<u8>) {
        self.device_id.write(out);
        self.last_ordinal.write(out);
        // As with `doubts`: the row is as it was before batches were numbered, and before it said whose it is.
        if self.last_batch > 0 || !self.uid.is_empty() {
            self.last_batch.write(out);
        }
        if !self.uid.is_empty() {
            self.uid.write(out);
        }
    }
    fn read(input: &mut Reader<'_>) -> Option<Self> {
        Some(Meta {
            device_id: Field::read(input)?,
            last_ordinal: Field::read(input)?,
            last_batch: if input.bytes.is_empty() { 0 } else { Field::read(input)? },
            uid: if input.bytes.is_empty() { Uid::default() } else { Field::read(input)? },
        })
    }
}

impl Field for OutboxState {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            OutboxState::Queued => out.push(0),
            OutboxState::Parked { reason_code } => out.extend([1, *reason_code]),
            OutboxState::Unconfirmed { message_id, message_seq, since, looks } => {
                out.push(2);
                message_id.write(out);
                message_seq.write(out);
                since.write(out);
                looks.write(out);
            }
        }
    }
    fn read(input: &mut Reader<'_>) -> Option<Self> {
        Some(match input.byte()? {
            0 => OutboxState::Queued,
            1 => OutboxState::Parked { reason_code: input.byte()? },
            2 => OutboxState::Unconfirmed {
                message_id: Field::read(input)?,
                message_seq: Field::read(input)?,
                since: Field::read(input)?,
                looks: input.byte()?,
            },
            _ => return None,
        })
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::rows::Change;
    use crate::store::suite::{self, Step};
    use core::fmt::Debug;
    use proptest::prelude::*;

    fn survives<T: Field + PartialEq + Debug>(row: &T) {
        let bytes = encode(row);
        assert_eq!(decode::<T>(&bytes).as_ref(), Some(row));
        for cut in 0..bytes.len().min(200) {
            assert_eq!(decode::<T>(&bytes[..cut]), None, "cut at {cut} of {}", bytes.len());
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(decode::<T>(&longer), None);
    }

    #[test]
    fn every_row_of_the_suite_comes_back_and_no_part_of_one_does() {
        let batches = suite::cases().into_iter().flat_map(|case| case.steps).filter_map(|step| match step {
            Step::Apply(batch, _) => Some(batch),
            _ => None,
        });
        for change in batches.flat_map(|batch| batch.changes).take(3_000) {
            match change {
                Change::Message(row) => survives(&row),
                Change::Channel(row) => survives(&row),
                Change::Outbox(row) => survives(&row),
                Change::Mark(_, row) => survives(&row),
                Change::Quarantine(row) => survives(&row),
                Change::Audit(row) => survives(&row),
                Change::Meta(row) => survives(&row),
                _ => {}
            }
        }
    }

    /// What is on people's disks: these bytes are read for ever.
    #[test]
    fn a_row_of_version_1_is_read() {
        let bytes = b"\x01\x02\x01g\x07\x54\x02n1\x05alice\x80\xe2\x9f\x9d\x0d\x00\x3c\x01\x01t\x02{}\x02\
            \x01\x09\x00\x02n1\x01\x54\x07\x05alice\x05alice\x00\xa0\xc2\x1e\x01\x02\x00\x01\x56\x08\x01\x00";
        let row: MessageRow = decode(bytes).expect("a row");
        assert_eq!(row.channel, Channel::group("g"));
        assert_eq!((row.message_seq, row.message_id), (MessageSeq(7), MessageId(42)));
        assert_eq!((row.timestamp, row.expire, row.topic.as_deref()), (1_775_499_392, 60, Some("t")));
        assert_eq!(row.state, MessageState::Recalled);
        let mark = row.mark.clone().expect("a mark");
        assert_eq!((mark.version, mark.role, mark.at, mark.deadline), (9, Role::Author, Wall(250_000), Some(Wall(1))));
        assert_eq!(row.copies, [Copy { message_id: MessageId(43), message_seq: MessageSeq(8) }]);
        assert!(row.counted && !row.unconfirmed);
        assert_eq!(encode(&row), bytes);
    }

    #[test]
    fn what_is_known_of_a_database_is_read_as_it_was_before_its_batches_were_numbered_and_before_it_was_somebodys() {
        let known = |last_batch, uid: &str| {
            let device_id = "device".to_owned();
            Meta { device_id, last_ordinal: 4, last_batch, uid: uid.into() }
        };
        let golden: [(&[u8], Meta); 4] = [
            (b"\x01\x06device\x04", known(0, "")),
            (b"\x01\x06device\x04\xac\x02", known(300, "")),
            (b"\x01\x06device\x04\xac\x02\x05alice", known(300, "alice")),
            (b"\x01\x06device\x04\x00\x05alice", known(0, "alice")),
        ];
        for (bytes, meta) in golden {
            assert_eq!((decode(bytes), encode(&meta).as_slice()), (Some(meta), bytes));
        }
    }

    proptest! {
        #[test]
        fn numbers_come_back(unsigned: u64, signed: i64, short: u32) {
            survives(&unsigned);
            survives(&signed);
            survives(&short);
        }

        #[test]
        fn any_bytes_are_a_row_or_nothing(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode::<MessageRow>(&bytes);
            let _ = decode::<ChannelRow>(&bytes);
            let _ = decode::<OutboxRow>(&bytes);
        }
    }
}
