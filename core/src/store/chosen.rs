//! The spaces that an export or an import keeps to.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use crate::error::Result;
use crate::name::check_name;

/// The names in byte order, each once; `None` stands for all spaces.
pub(super) fn chosen_spaces(names: Option<Vec<String>>) -> Result<Option<Vec<Rc<str>>>> {
    let Some(names) = names else {
        return Ok(None);
    };
    for name in &names {
        check_name("spaces", name)?;
    }
    let mut names: Vec<Rc<str>> = names.into_iter().map(Rc::from).collect();
    names.sort_unstable();
    names.dedup();
    Ok(Some(names))
}
