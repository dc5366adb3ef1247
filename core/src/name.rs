//! The rule that every name keeps.

use crate::error::{Error, Result};

/// The most bytes a name may have in UTF-8.
pub const MAX_NAME_BYTES: usize = 128;

/// Checks the name of a space, a segment, a group, a consumer or a lease: 1 to 128 bytes of UTF-8 without U+0000 to
/// U+001F and U+007F.
///
/// `argument` is what the caller calls it; the message says it.
///
/// # Errors
///
/// `INVALID_ARGUMENT` naming the argument and the rule.
pub fn check_name(argument: &str, value: &str) -> Result {
    let rule = if value.is_empty() {
        "must not be empty"
    } else if value.len() > MAX_NAME_BYTES {
        "must have at most 128 bytes of UTF-8"
    } else if value.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
        "must not hold control characters (U+0000 to U+001F, U+007F)"
    } else {
        return Ok(());
    };
    Err(Error::invalid(alloc::format!("{argument}: {rule}")))
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrorCode;

    #[test]
    fn the_limits_are_bytes() {
        for name in ["a", " ", "\u{80}", "\u{9f}", "\u{10ffff}", &"a".repeat(128), &"\u{e9}".repeat(64)] {
            check_name("space", name).unwrap();
        }
        for name in ["", "\0", "a\u{1f}", "\u{7f}", "a\nb", &"a".repeat(129), &"\u{e9}".repeat(65)] {
            let error = check_name("segment", name).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidArgument);
            assert!(error.message().starts_with("segment: must "), "{error}");
        }
    }

    proptest! {
        #[test]
        fn the_rule_is_about_characters(name in "\\PC{0,40}|[\0-\u{ff}]{0,4}") {
            let control = |char: char| u32::from(char) < 0x20 || u32::from(char) == 0x7f;
            let good = !name.is_empty() && name.len() <= 128 && !name.chars().any(control);
            prop_assert_eq!(check_name("space", &name).is_ok(), good);
        }

        #[test]
        fn any_argument_will_do(argument: String, name: String) {
            let _ = check_name(&argument, &name);
        }
    }
}
