//! The file of `serve --config`, in TOML, with the names of the flags.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Failure, Flags, Given, Path, Setting, check, is_list, is_switch, may_be_bare, nearest};
use crate::serve::script;

/// Reads the settings of this file.
///
/// # Errors
/// The file cannot be read, is no TOML, or has an unknown or a wrong setting. The message has the line.
pub(super) fn read(path: &Path, flags: &Flags) -> Result<Vec<Setting>, Failure> {
    let text = script::read(path).map_err(|error| {
        Failure::config(format_args!("cannot read the configuration {}: {error}", path.display()))
    })?;
    settings(&text, flags).map_err(|Wrong { offset, why }| {
        let line = text.get(..offset).unwrap_or_default().matches('\n').count() + 1;
        Failure::config(format_args!("{}, line {line}: {why}", path.display()))
    })
}

/// What is wrong in a file, and where.
struct Wrong {
    offset: usize,
    why: String,
}

fn settings(text: &str, flags: &Flags) -> Result<Vec<Setting>, Wrong> {
    let table = DeTable::parse(text).map_err(|error| Wrong {
        offset: error.span().map_or(0, |span| span.start),
        // The error's own text repeats the line, which may have a secret.
        why: error.message().to_owned(),
    })?;
    let mut settings: Vec<Setting> = Vec::new();
    for (key, value) in table.get_ref() {
        let name: &str = key.get_ref();
        let wrong = |why: String| Wrong { offset: key.span().start, why };
        let Some(arg) = flags.named(name) else {
            let nearest = nearest(name).filter(|flag| flags.named(flag).is_some());
            let nearest = nearest.map(|flag| format!("; did you mean {flag}?")).unwrap_or_default();
            return Err(wrong(format!("{name} is no setting of `serve`{nearest}")));
        };
        let id = arg.get_id().to_string();
        if settings.iter().any(|setting| setting.id == id) {
            return Err(wrong(format!("{name} is another name of a key that is there, too")));
        }
        let given = match value.get_ref() {
            DeValue::Boolean(given) if is_switch(arg) || may_be_bare(arg) => Given::Switch(*given),
            _ if is_switch(arg) => return Err(wrong(format!("{name}: expected true or false"))),
            DeValue::Array(values) if is_list(arg) => {
                let values: Option<Vec<_>> = values.iter().map(scalar).collect();
                let values = values.ok_or_else(|| wrong(format!("{name}: expected texts in the array")))?;
                Given::Values(values.into_iter().map(Into::into).collect())
            }
            _ => match scalar(value) {
                Some(text) => Given::Values(vec![text.into()]),
                None if is_list(arg) => {
                    return Err(wrong(format!("{name}: expected a text, or an array of texts")));
                }
                None => return Err(wrong(format!("{name}: expected a text or a number"))),
            },
        };
        check(arg, &given).map_err(|why| wrong(format!("{name}: {why}")))?;
        settings.push(Setting { id, given });
    }
    Ok(settings)
}

/// Returns a text or a number as the flag takes it.
fn scalar(value: &Spanned<DeValue<'_>>) -> Option<String> {
    match value.get_ref() {
        DeValue::String(text) => Some(text.clone().into_owned()),
        DeValue::Integer(number) => Some(number.to_string()),
        _ => None,
    }
}
