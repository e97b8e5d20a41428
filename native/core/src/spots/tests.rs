use super::*;

fn class(bytes: &[u8]) -> Class {
    std::array::from_fn(|byte| bytes.iter().any(|&each| usize::from(each) == byte))
}

/// `d` is a digit, `A` a capital, all else itself.
fn form(number: u32, text: &str, is_bound: bool) -> Form {
    let classes = text.bytes().map(|byte| match byte {
        b'd' => class(b"0123456789"),
        b'A' => class(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        _ => class(&[byte]),
    });
    Form { number, classes: classes.collect(), is_bound }
}

fn spots() -> Spots {
    let forms = vec![
        form(0, "ddd-dd-dddd", true),
        form(1, "+d ddd", false),
        form(2, "Add dd", false),
        form(3, "A.dA", false),
        form(4, "dddddd", true),
    ];
    Spots::new(forms, 9, &[b"token".to_vec(), b"api key".to_vec()], 5).expect("good forms")
}

fn found(text: &str) -> Vec<(u32, usize, usize)> {
    spots().find(text.as_bytes()).iter().map(|spot| (spot.number, spot.start, spot.end)).collect()
}

#[test]
fn forms_are_found_wherever_they_stand() {
    for (number, text) in [(0, "123-45-6789"), (1, "+4 123"), (2, "B12 34"), (3, "C.7D"), (4, "123456")] {
        for before in 0..40 {
            let whole = format!("{}{text}{}", " ".repeat(before), " ".repeat(before % 3));
            assert_eq!(found(&whole), [(number, before, before + text.len())], "{whole:?}");
        }
    }
}

#[test]
fn what_is_cut_short_or_runs_on_is_none() {
    for text in
        ["123-45-678", "1123-45-6789", "x123-45-6789", "+4 12", "+44 123", "b12 34", "C.7", ".7D", "12345", "é", ""]
    {
        assert_eq!(found(text), [], "{text:?}");
    }
    assert_eq!(found("123-45-67890"), [(0, 0, 11)]);
    assert_eq!(found(&"1".repeat(100)), [(4, 0, 6)]);
}

#[test]
fn values_are_found_behind_names() {
    for text in
        ["token=abc12345", "TOKEN: 12345", "my_api key => \"x1yyyy", "token, 1a%/=", "token is here (Bearer z1.~-_"]
    {
        let digit = text.bytes().position(|byte| byte.is_ascii_digit()).expect("a digit");
        for before in ["", "some other words here, and 5,", &"x ".repeat(100)] {
            assert_eq!(found(&format!("{before}{text}")), [(9, 0, before.len() + digit + 5)], "{before}{text}");
        }
    }
    for text in [
        "token abc12345",
        "tokem=abc12345",
        "token=abc1234",
        "token=abcdefgh",
        "token} = {5} 12345",
        "token = a 12345",
        "token <b>=12345",
    ] {
        assert_eq!(found(text), [], "{text}");
    }
    assert_eq!(found(&format!("token{}=12345", " ".repeat(35))), []);
    assert_eq!(found(&format!("token={}12345", "a".repeat(24))), []);
    assert_eq!(found(&format!("token={}12345", " ".repeat(17))), []);
    let long = format!("token{}={}BEARER {}12345", " ".repeat(34), "\"".repeat(16), "a".repeat(23));
    assert_eq!(found(&long), [(9, 0, long.len())]);
}

#[test]
fn a_name_that_was_passed_with_another_digit_still_counts() {
    // the first digit looks for names up to itself, in the middle of the name
    assert_eq!(found("x=1aaaa\u{0}=1aaaa api key=1aaaa"), [(9, 0, 28)]);
    assert_eq!(found("(1aaaatoken=1aaaa"), [(9, 0, 17)]);
    assert_eq!(found("to(1aaaken=12345 token=12345"), [(9, 0, 28)]);
}

#[test]
fn a_sign_reaches_over_blocks_to_the_next_digit_alone() {
    for gap in 0..200 {
        let (before, digit) = ("x".repeat(gap), 7 + gap);
        assert_eq!(found(&format!("{before}token=a12345")), [(9, 0, digit + 5)]);
        assert_eq!(found(&format!("{before}token=1 a12345")), []);
    }
}

#[test]
fn values_that_are_shorter_than_asked_are_none() {
    let spots = Spots::new(vec![], 9, &[b"token".to_vec()], 10).expect("good names");
    for (text, count) in
        [("token=abc123456", 0), ("token=abc1234567", 1), ("token=abc123.456", 1), ("token=abc12345 6", 0)]
    {
        assert_eq!(spots.find(text.as_bytes()).len(), count, "{text}");
    }
}

#[test]
fn names_may_end_in_any_bytes() {
    let names: Vec<Vec<u8>> = [&b"key_1"[..], b"a-b", b"x@y", b"pin"].iter().map(|name| name.to_vec()).collect();
    let spots = Spots::new(vec![], 9, &names, 5).expect("good names");
    for name in ["key_1", "KEY_1", "my a-B", "X@Y", "PIN"] {
        assert_eq!(spots.find(format!("{name} = abc12345").as_bytes()).len(), 1, "{name}");
    }
    for name in ["key\x7f1", "x`y", "a\rb", "in"] {
        assert_eq!(spots.find(format!("{name} = abc12345").as_bytes()).len(), 0, "{name}");
    }
    assert!(matches!(Spots::new(vec![], 0, &[b"ab".to_vec()], 5), Err(Refused::ShortName)));
}

#[test]
fn forms_without_an_anchor_are_refused() {
    assert!(matches!(Spots::new(vec![form(0, "A-A", false)], 0, &[], 5), Err(Refused::NoAnchor)));
    assert!(matches!(Spots::new(vec![form(0, &"d".repeat(32), false)], 0, &[], 5), Err(Refused::NoAnchor)));
    assert!(matches!(Spots::new(vec![form(0, "d", false); 65], 0, &[], 5), Err(Refused::TooMany)));
}
