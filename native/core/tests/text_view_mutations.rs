//! Broken and odd bodies by the thousand, made from good ones: the text view never fails, and takes linear time.
//!
//! `make fuzz` runs ten million. Seeds are requests of real agents where the shared fixtures are there, and a few of our own.

use std::env;
use std::path::Path;
use std::time::Instant;

use agentcc_core::json::{Dialect, MAX_DEPTH, Memo, TextView, scan_object};
use serde_json::{Value as Json, json};

#[path = "../../fuzz/checks/text_view.rs"]
mod checks;

const INPUTS: u64 = 5_000;
/// Shorter bodies cost more for each byte, and say nothing of how the time grows.
const SHORTEST_TIMED: usize = 1000;
const MOST_NS_PER_BYTE: f64 = 100.0;
/// What strings are cut to, so that most inputs are small.
const LONGEST_STRING: usize = 60;
const TOKENS: [&str; 44] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\\\"",
    "\\u0041",
    "\\\\n",
    "\\ud83d",
    "\n",
    "é",
    "\u{0}",
    "null",
    "true",
    "-1e5",
    "\"x\":",
    "\"input\":[",
    "\"messages\":[",
    "\"contents\":[",
    "\"request\":{",
    "\"tools\":[",
    "\"role\":\"assistant\",",
    "\"role\":\"user\",",
    "\"type\":\"function_call\",",
    "\"type\":\"tool_result\",",
    "\"type\":\"base64\",",
    "\"data\":\"",
    "\"arguments\":\"{\\\"a\\\":\\\"\\\\n\\\"}\",",
    "\"thought\":true,",
    "\"content\":[",
    "\"text\":\"",
    "\"parts\":[",
    "\"encrypted_content\":\"",
    "\"media_type\":\"text/plain\",",
    "QUJDREVGQUJDREVGQUJDREVGQUJDREVGQUJDREVGQUJDREVGQUJDREVGQUJDREVG",
    "data:image/png;base64,",
    "[[[[[[[[",
    "]]]]]]]]",
    "{\"a\":{\"a\":{\"a\":",
    "}}}",
    "\u{feff}",
];

#[test]
fn no_mutation_breaks_the_text_view() {
    let inputs = env::var("AGENTCC_FUZZ_INPUTS").map_or(INPUTS, |count| count.parse().expect("a number"));
    let seeds = seeds();
    let mut dice = Dice(env::var("AGENTCC_FUZZ_SEED").map_or(1, |seed| seed.parse().expect("a number")));
    let (mut bytes, mut good, mut worst, mut slowest) = (0, 0, 0.0, Vec::new());
    let began = Instant::now();
    for _ in 0..inputs {
        let (dialect, seed) = dice.one_of(&seeds);
        let mut body = seed.clone();
        for _ in 0..=dice.below(4) {
            mutate(&mut body, &seeds, &mut dice);
        }
        let dialect = if dice.below(8) == 0 { *dice.one_of(&checks::DIALECTS) } else { *dialect };
        // the turn before: the seed, or another mutation of it
        let mut before = seed.clone();
        if dice.below(2) == 0 {
            mutate(&mut before, &seeds, &mut dice);
        }
        checks::check(&before, &body, dialect);
        if body.len() >= SHORTEST_TIMED {
            let ns_per_byte = timed(&body, dialect, worst);
            if ns_per_byte > worst {
                (worst, slowest) = (ns_per_byte, body.clone());
            }
        }
        bytes += body.len();
        good += u64::from(scan_object(&body, &[], MAX_DEPTH).is_ok());
    }
    println!(
        "{inputs} inputs of {} seeds, {bytes} bytes, {good} of them good JSON, in {:.0} s; the slowest took {worst:.1} ns a byte",
        seeds.len(),
        began.elapsed().as_secs_f64(),
    );
    let slowest = String::from_utf8_lossy(&slowest);
    assert!(cfg!(debug_assertions) || worst < MOST_NS_PER_BYTE, "{slowest}");
}

/// Of a view with a memo; of what seems the worst the best of many, since others use this machine.
#[allow(clippy::cast_precision_loss, reason = "small numbers")]
fn timed(body: &[u8], dialect: Dialect, worst: f64) -> f64 {
    let memo = Memo::<()>::new(1, 1000);
    let once = || {
        let began = Instant::now();
        let _ = TextView::new(body, dialect, Some(&memo), MAX_DEPTH);
        began.elapsed().as_nanos() as f64 / body.len() as f64
    };
    let mut best = once();
    for _ in 0..50 {
        if best <= worst {
            break;
        }
        best = best.min(once());
    }
    best
}

fn mutate(body: &mut Vec<u8>, seeds: &[(Dialect, Vec<u8>)], dice: &mut Dice) {
    let at = dice.below(body.len() + 1);
    let longest = *dice.one_of(&[8, 8, 8, 200]);
    let end = (at + 1 + dice.below(longest)).min(body.len());
    match dice.below(9) {
        0 if at < body.len() => body[at] ^= 1 << dice.below(8),
        1 if at < body.len() => body[at] = *dice.one_of(b"\"\\{}[],:u0 "),
        2 => drop(body.drain(at..end)),
        3 => body.truncate(at),
        4 => {
            let part = body[at..end].to_vec();
            let to = dice.below(body.len() + 1);
            body.splice(to..to, part);
        }
        5 => {
            let (_, other) = dice.one_of(seeds);
            let from = dice.below(other.len());
            let to = (from + 1 + dice.below(400)).min(other.len());
            body.splice(at..end, other[from..to].iter().copied());
        }
        6 => {
            // where a value begins: what comes out is JSON more often
            let at = body[at..].iter().position(|byte| b"{[,".contains(byte)).map_or(at, |found| at + found + 1);
            body.splice(at..at, dice.one_of(&TOKENS).bytes());
        }
        7 => {
            // a whole value is there twice
            if let Some(part) = value_at(body, at) {
                let part = [&body[part.clone()], b","].concat();
                body.splice(at..at, part);
            }
        }
        _ => drop(body.splice(at..at, dice.one_of(&TOKENS).bytes())),
    }
}

/// From `at` to the end of the brackets that open there.
fn value_at(body: &[u8], at: usize) -> Option<std::ops::Range<usize>> {
    let mut depth = 0usize;
    for (index, byte) in body.iter().enumerate().skip(at) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return Some(at..index + 1);
        }
    }
    None
}

fn seeds() -> Vec<(Dialect, Vec<u8>)> {
    let text = "line\n\"quoted\" \\ é \u{1f600} ZZIA0123456789ABCDEF";
    let payload = "QUJD".repeat(20);
    let arguments = json!({"command": ["sh", "-c", text]}).to_string();
    let mut bodies = vec![
        (
            Dialect::Responses,
            json!({"model": "m", "instructions": text, "input": [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]},
            {"type": "reasoning", "summary": [], "encrypted_content": payload},
            {"type": "function_call", "name": "shell", "arguments": arguments, "call_id": "c"},
            {"type": "function_call_output", "call_id": "c", "output": arguments},
        ], "tools": [{"type": "function", "name": "t", "parameters": {"type": "object"}}], "ZZ": [text], "stream": true}),
        ),
        (
            Dialect::Chat,
            json!({"messages": [
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{payload}")}}]},
                {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": arguments}}]},
                {"role": "tool", "content": text},
            ]}),
        ),
        (
            Dialect::Messages,
            json!({"system": [{"type": "text", "text": text}], "messages": [
                {"role": "assistant", "content": [{"type": "tool_use", "input": {"a": text}}]},
                {"role": "user", "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": payload}}]},
            ]}),
        ),
        (Dialect::Generate, json!({"contents": [{"parts": [{"text": text, "thought": true}]}]})),
        (Dialect::Converse, json!({"converse": {"messages": [{"content": [{"text": text}], "role": "user"}]}})),
        (Dialect::Completions, json!({"prompt": [text, 1]})),
        (Dialect::Embeddings, json!({"input": [text, [1, 2]], "user": text})),
    ];
    let own = bodies.len();
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/clients");
    for (client, dialect) in
        [("codex", Dialect::Responses), ("claude-code", Dialect::Messages), ("gemini-cli", Dialect::Generate)]
    {
        let Ok(folder) = std::fs::read_dir(clients.join(client)) else { continue };
        for path in folder.map(|entry| entry.expect("an entry").path()) {
            let captured: Json = serde_json::from_slice(&std::fs::read(path).expect("a file")).unwrap_or_default();
            bodies.extend(captured.get("body").filter(|body| body.is_object()).map(|body| (dialect, body.clone())));
        }
    }
    if bodies.len() == own {
        eprintln!("NOT RUN with requests of real agents: the shared fixtures are absent, no {}", clients.display());
    }
    let whole = bodies.iter().map(|(dialect, body)| (*dialect, body.to_string().into_bytes()));
    let mut seeds: Vec<_> = whole.clone().take(own + 3).collect();
    for (dialect, mut body) in bodies {
        shorten(&mut body);
        seeds.push((dialect, body.to_string().into_bytes()));
    }
    seeds.sort_by_key(|(_, body)| body.len());
    seeds.dedup();
    seeds
}

/// Of each list the first and the last two, of each string its beginning.
fn shorten(value: &mut Json) {
    match value {
        Json::Array(elements) => {
            let count = elements.len();
            let mut index = 0;
            elements.retain_mut(|element| {
                index += 1;
                shorten(element);
                index == 1 || index + 2 > count
            });
        }
        Json::Object(members) => members.values_mut().for_each(shorten),
        Json::String(text) => {
            if let Some((end, _)) = text.char_indices().nth(LONGEST_STRING) {
                text.truncate(end);
            }
        }
        _ => {}
    }
}

/// Numbers that are the same in each run (`SplitMix64`).
struct Dice(u64);

impl Dice {
    #[allow(clippy::cast_possible_truncation, reason = "the remainder fits")]
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit.max(1) as u64) as usize
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}
