//! The text view of two bodies in turn.
#![no_main]

#[path = "../checks/text_view.rs"]
mod checks;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&choice, data)) = data.split_first() else { return };
    let dialect = checks::DIALECTS[usize::from(choice) % checks::DIALECTS.len()];
    let (before, body) = match data.iter().position(|&byte| byte == 0xff) {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (&data[..0], data),
    };
    checks::check(before, body, dialect);
});
