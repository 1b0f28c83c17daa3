//! `completions`: a script that completes this program's commands and flags in a shell.

use clap::Args;
use clap_complete::Shell;

use crate::exit::{Failure, print_data};
use crate::help::definition;

/// The flags of `completions`.
#[derive(Args, Debug)]
#[command(after_long_help = "\
bash: source <(sso-oidc completions bash), or write it to ~/.local/share/bash-completion/completions/sso-oidc
zsh:  write it to _sso-oidc in a directory of $fpath
fish: write it to ~/.config/fish/completions/sso-oidc.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Runs `completions`.
///
/// # Errors
/// Standard output cannot be written.
pub(crate) fn run(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut definition(), "sso-oidc", &mut script);
    let mut script = String::from_utf8_lossy(&script).into_owned();
    if args.shell == Shell::Bash {
        // clap_complete 4.6 writes the hyphen of a program's name in two ways, so that no command's flags are found.
        script = script.replace("sso__subcmd__oidc", "sso__oidc");
    }
    print_data(&script)
}
