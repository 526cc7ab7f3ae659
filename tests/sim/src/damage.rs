//! Rows as a damaged disk gives them: some no longer readable, so that the store leaves them out, some readable and wrong.

use jindou::rows::Answer;
use jindou::store::codec::{Field, decode, encode};

/// Changes some of the rows, always in the same way for the same rows.
pub fn damage(answer: &mut Answer) {
    match answer {
        Answer::Hydrated { meta, outbox, channels, .. } => {
            if let Some(changed) = changed(meta) {
                *meta = changed.unwrap_or_default();
            }
            damage_all(outbox);
            damage_all(channels);
        }
        Answer::Channel { seen, aliases, marks } => {
            damage_all(seen);
            damage_all(marks);
            for (copy, _) in aliases {
                if let Some(Some(changed)) = changed(copy) {
                    *copy = changed;
                }
            }
        }
        Answer::Messages(rows) => damage_all(rows),
        Answer::Audit(lines) => damage_all(lines),
    }
}

fn damage_all<T: Field>(rows: &mut Vec<T>) {
    *rows = std::mem::take(rows)
        .into_iter()
        .filter_map(|row| match changed(&row) {
            None => Some(row),
            Some(changed) => changed,
        })
        .collect();
}

/// None: left as it is. `Some(None)`: no longer readable.
fn changed<T: Field>(row: &T) -> Option<Option<T>> {
    let mut bytes = encode(row);
    let mut dice = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    let mut roll = |sides: usize| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) as usize % sides
    };
    if roll(4) != 0 {
        return None;
    }
    // The first byte is the layout's version: with another one nothing is readable.
    for _ in 0..=roll(3) {
        let at = 1 + roll(bytes.len() - 1);
        match roll(4) {
            0 => bytes[at] = 0,
            1 => bytes[at] = 0xff,
            2 => bytes[at] = roll(256) as u8,
            _ => bytes[at] ^= 1 << roll(8),
        }
    }
    Some(decode(&bytes))
}
