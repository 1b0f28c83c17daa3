//! `configure profiles`: a profile for each account and role of the person.

use std::path::Path;

use clap::Args;
use sso_cache::Config;

use super::plan::{Plan, Role};
use super::template::Template;
use crate::exit::{Failure, warn};
use crate::login::{StoredArgs, say};
use crate::portal::Portal;
use crate::settings::Settings;

/// The flags of `configure profiles`.
#[derive(Args, Debug)]
pub(super) struct ProfilesArgs {
    /// The names of the profiles, with {account_id}, {account_name} and {role_name}
    #[arg(
        long,
        value_name = "TEMPLATE",
        value_parser = Template::parse,
        default_value = "{account_name}.{role_name}"
    )]
    template: Template,

    /// The `region` of the profiles; without it, theirs stays, and new profiles have none
    #[arg(long, value_name = "REGION")]
    profile_region: Option<String>,

    /// Only roles with these parts in account or name
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,

    /// Remove profiles of this session whose role you do not have any more. A profile stays that you have extended, or
    /// that another one refers to, and so does the default profile
    #[arg(long, conflicts_with = "filter")]
    prune: bool,

    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    stored: StoredArgs,
}

/// Runs `configure profiles`.
///
/// # Errors
/// There is no session to use, the portal fails, the template is of no use, or the file cannot be written.
pub(super) fn run(args: &ProfilesArgs, settings: &Settings) -> Result<(), Failure> {
    let identity = args.stored.identity(settings)?;
    let Some(session) = identity.session_name() else {
        return Err(Failure::config(format_args!(
            "{} is not a session of the config file",
            identity.as_str()
        ))
        .with_hint("make one with `sso-oidc configure session`, and pass --sso-session"));
    };
    // A file that cannot be edited is told before anything is sent.
    super::read(&super::path(settings)?)?;
    let mut portal = Portal::open(&args.stored, settings)?;
    let roles = portal.all_roles(args.filter.as_deref().unwrap_or_default())?;
    if roles.is_empty() && args.prune {
        return Err(Failure::other(
            "the portal lists no role, so --prune would remove every profile of the session",
        )
        .with_hint("check `sso-oidc roles`; remove the profiles by hand if that is right"));
    }
    let roles: Vec<Role> = roles
        .into_iter()
        .map(|(account, role_name)| Role {
            account_name: account.account_name.unwrap_or_else(|| account.account_id.clone()),
            account_id: account.account_id,
            role_name,
        })
        .collect();
    let credentials = super::credentials(settings);
    let plan = super::edit(settings, args.dry_run, |document| {
        let config = Config::parse(document.as_str()).map_err(Failure::config)?;
        let mut plan = Plan::of(&config, &credentials, session, &roles, &args.template);
        check_names(&plan)?;
        for name in &plan.conflicts {
            warn(format_args!("the profile {name} exists, and is for something else; it stays as it is"));
        }
        let of_roles = plan.added.iter().map(|(name, _)| name).chain(&plan.kept);
        for name in of_roles.filter(|name| credentials.profile(name).is_some()) {
            let path = credentials.credentials_path().unwrap_or_else(|| Path::new("the credentials file"));
            warn(format_args!(
                "the profile {name} is also in {}; AWS's tools let the keys there win, so it may not lead to the role",
                path.display()
            ));
        }
        plan.apply(&config, document, session, args.profile_region.as_deref(), args.prune)
            .map_err(Failure::usage)?;
        for (name, reason) in plan.spared.iter().filter(|_| args.prune) {
            warn(format_args!(
                "the profile {name} is for a role that you do not have; it stays, because {reason}"
            ));
        }
        Ok(plan)
    })?;
    say(format_args!("Profiles of {session}: {}", summary(&plan, args)));
    Ok(())
}

/// Checks that the template gives a name of its own to each role.
fn check_names(plan: &Plan) -> Result<(), Failure> {
    const HINT: &str = "add {account_id}, {account_name} or {role_name} to --template";
    let of = |role: &Role| format!("{} of the account {}", role.role_name, role.account_id);
    if let Some((name, [first, second])) = plan.ambiguous.first() {
        let (first, second) = (of(first), of(second));
        let said = format!("several roles would get the profile {name}: {first}, and {second}");
        return Err(Failure::usage(said).with_hint(HINT));
    }
    if let Some((name, role)) = plan.unnamed.first() {
        let named = if name.is_empty() { "without a name" } else { "`default`, which is yours to choose" };
        let said = format!("the role {} would get a profile {named}", of(role));
        return Err(Failure::usage(said).with_hint(HINT));
    }
    Ok(())
}

/// Says what was done to the profiles, or what a run without `--dry-run` would do.
fn summary(plan: &Plan, args: &ProfilesArgs) -> String {
    let (would, verbs, were) = match args.dry_run {
        true => ("would ", ["add", "change the region of", "remove"], "are"),
        false => ("", ["added", "changed the region of", "removed"], "were"),
    };
    let (new, moved, stale) = (plan.added.len(), plan.moved.len(), plan.stale.len());
    let there = plan.kept.len() - moved;
    let done = verbs.into_iter().zip([new, moved, if args.prune { stale } else { 0 }]);
    let done = done.enumerate().filter(|(index, (_, number))| *index == 0 || *number > 0);
    let done: Vec<String> = done.map(|(_, (verb, number))| format!("{verb} {number}")).collect();
    let lost = match stale {
        // Roles that the filter leaves out are not lost.
        stale if stale > 0 && !args.prune && args.filter.is_none() => {
            format!(", {stale} of roles that you do not have (--prune removes them)")
        }
        _ => String::new(),
    };
    format!("{would}{}; {there} {were} there already{lost}.", done.join(", "))
}
