//! Platform differences: opening files, ownership, and obstacles to a change.

#[cfg(not(unix))]
pub(crate) use elsewhere::*;
#[cfg(not(windows))]
pub(crate) use never_in_use::*;
#[cfg(unix)]
pub(crate) use unix::*;
#[cfg(windows)]
pub(crate) use windows::*;

#[cfg(unix)]
mod unix {
    use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions};
    use std::io;
    use std::os::unix::fs::{
        DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown,
    };
    use std::path::Path;

    use rustix::fs::{Access, AtFlags, CWD, OFlags};
    use rustix::io::Errno;

    /// Makes opening neither block, as for the other end of a pipe, nor acquire a terminal.
    pub(crate) fn without_waiting(options: &mut OpenOptions) -> &mut OpenOptions {
        flags(options, OFlags::NONBLOCK | OFlags::NOCTTY)
    }

    /// As [`without_waiting`], without following a symbolic link.
    pub(crate) fn without_following(options: &mut OpenOptions) -> &mut OpenOptions {
        flags(options, OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW)
    }

    fn flags(options: &mut OpenOptions, flags: OFlags) -> &mut OpenOptions {
        options.custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
    }

    /// Makes a created file readable by its owner only.
    pub(crate) fn for_the_owner(options: &mut OpenOptions) -> &mut OpenOptions {
        options.mode(0o600)
    }

    pub(crate) fn make_dir(path: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)
    }

    pub(crate) fn restrict(file: &File) -> io::Result<()> {
        file.set_permissions(Permissions::from_mode(0o600))
    }

    pub(crate) fn restrict_path(path: &Path) -> io::Result<()> {
        std::fs::set_permissions(path, Permissions::from_mode(0o600))
    }

    /// Returns whether the file belongs to this user, or this user is the superuser.
    pub(crate) fn is_ours(metadata: &Metadata) -> bool {
        let me = rustix::process::geteuid();
        me.is_root() || metadata.uid() == me.as_raw()
    }

    /// Returns the permission bits.
    #[expect(clippy::unnecessary_wraps, reason = "not every system has them")]
    pub(crate) fn mode(metadata: &Metadata) -> Option<u32> {
        Some(metadata.mode() & 0o7777)
    }

    /// Gives a new file the owner and the group of the one that it replaces. The superuser edits the files of
    /// others, and a directory may have a group of its own. The group counts only if the mode lets it in.
    pub(crate) fn keep_owner(file: &File, old: &Metadata) -> io::Result<()> {
        let new = file.metadata()?;
        if new.uid() != old.uid() {
            fchown(file, Some(old.uid()), None)?;
        }
        if new.gid() != old.gid() {
            let kept = fchown(file, None, Some(old.gid()));
            if old.mode() & 0o070 != 0 {
                kept?;
            }
        }
        Ok(())
    }

    /// Returns whether the file has another name too.
    pub(crate) fn has_more_names(metadata: &Metadata) -> bool {
        metadata.nlink() > 1
    }

    /// Returns whether both are on one file system, so that a file can be renamed from one to the other.
    pub(crate) fn on_one_file_system(one: &Metadata, other: &Metadata) -> bool {
        one.dev() == other.dev()
    }

    /// Checks whether files can be created in this directory, and replaced.
    pub(crate) fn may_write_dir(dir: &Path) -> io::Result<()> {
        Ok(rustix::fs::accessat(CWD, dir, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS)?)
    }

    /// Returns whether only the owner of a file (or of the directory) may replace it.
    pub(crate) fn keeps_files_of_others(dir: &Metadata) -> bool {
        dir.mode() & 0o1000 != 0 && !is_ours(dir)
    }

    /// Returns whether users other than the owner may add files to the directory. Group permission counts,
    /// unless the group's number is the owner's; many systems make directories writable for that group.
    pub(crate) fn is_open_to_others(dir: &Metadata) -> bool {
        let me = rustix::process::geteuid().as_raw();
        let is_anothers = dir.uid() != 0 && dir.uid() != me && me != 0;
        is_anothers || dir.mode() & 0o002 != 0 || (dir.mode() & 0o020 != 0 && dir.gid() != dir.uid())
    }

    /// Returns whether others cannot rename or delete files of other owners, as in `/tmp`.
    pub(crate) fn is_sticky(dir: &Metadata) -> bool {
        dir.mode() & 0o1000 != 0
    }

    /// Returns whether the file's attributes, and not its permissions, forbid the change.
    pub(crate) fn is_attribute(error: &io::Error) -> bool {
        is(error, &[Errno::PERM])
    }

    /// Returns whether locks do not work on this file system, or on this system.
    pub(crate) fn has_no_locks(error: &io::Error) -> bool {
        is(error, &[Errno::NOLCK, Errno::NOSYS, Errno::OPNOTSUPP, Errno::NOTSUP])
    }

    fn is(error: &io::Error, these: &[Errno]) -> bool {
        error.raw_os_error().is_some_and(|code| these.iter().any(|errno| errno.raw_os_error() == code))
    }

    /// Returns whether the file is a mount point, so it is writable but not replaceable.
    #[cfg(target_os = "linux")]
    pub(crate) fn is_mount_point(path: &Path) -> bool {
        use rustix::fs::{StatxAttributes, StatxFlags};
        rustix::fs::statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::empty())
            .is_ok_and(|found| found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
    }

    /// Only Linux mounts files.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn is_mount_point(_: &Path) -> bool {
        false
    }

    /// Returns this machine's host name.
    pub(crate) fn host_name() -> Option<String> {
        let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Some(name).filter(|name| !name.is_empty())
    }
}

#[cfg(not(unix))]
mod elsewhere {
    use std::fs::{DirBuilder, File, Metadata, OpenOptions};
    use std::io;
    use std::path::Path;

    pub(crate) fn without_waiting(options: &mut OpenOptions) -> &mut OpenOptions {
        options
    }

    pub(crate) fn without_following(options: &mut OpenOptions) -> &mut OpenOptions {
        options
    }

    pub(crate) fn for_the_owner(options: &mut OpenOptions) -> &mut OpenOptions {
        options
    }

    pub(crate) fn make_dir(path: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).create(path)
    }

    pub(crate) fn restrict(_: &File) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn restrict_path(_: &Path) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn is_ours(_: &Metadata) -> bool {
        true
    }

    pub(crate) fn mode(_: &Metadata) -> Option<u32> {
        None
    }

    pub(crate) fn keep_owner(_: &File, _: &Metadata) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn has_more_names(_: &Metadata) -> bool {
        false
    }

    /// A home directory is on one drive.
    pub(crate) fn on_one_file_system(_: &Metadata, _: &Metadata) -> bool {
        true
    }

    /// Only an attempt tells.
    pub(crate) fn may_write_dir(dir: &Path) -> io::Result<()> {
        tempfile::tempfile_in(dir).map(drop)
    }

    pub(crate) fn keeps_files_of_others(_: &Metadata) -> bool {
        false
    }

    pub(crate) fn is_open_to_others(_: &Metadata) -> bool {
        false
    }

    pub(crate) fn is_sticky(_: &Metadata) -> bool {
        false
    }

    pub(crate) fn is_attribute(_: &io::Error) -> bool {
        false
    }

    pub(crate) fn has_no_locks(error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::Unsupported
    }

    pub(crate) fn is_mount_point(_: &Path) -> bool {
        false
    }

    pub(crate) fn host_name() -> Option<String> {
        None
    }
}

/// Windows refuses to replace a file that another program has open.
#[cfg(windows)]
mod windows {
    use std::fs::File;
    use std::io;
    use std::os::windows::fs::OpenOptionsExt as _;
    use std::path::Path;

    const ERROR_ACCESS_DENIED: i32 = 5;
    const ERROR_SHARING_VIOLATION: i32 = 32;
    const ERROR_LOCK_VIOLATION: i32 = 33;
    const DELETE: u32 = 0x0001_0000;
    const GENERIC_WRITE: u32 = 0x4000_0000;
    const FILE_FLAG_DELETE_ON_CLOSE: u32 = 0x0400_0000;

    /// Returns whether another program may have the file open. Windows has the same error for a missing permission.
    pub(crate) fn may_be_in_use(error: &io::Error) -> bool {
        error.raw_os_error() == Some(ERROR_ACCESS_DENIED) || is_in_use(error)
    }

    /// Returns whether another program has the file open.
    pub(crate) fn is_in_use(error: &io::Error) -> bool {
        matches!(error.raw_os_error(), Some(ERROR_SHARING_VIOLATION | ERROR_LOCK_VIOLATION))
    }

    /// Finds out why a file could not be replaced. If another program has it open, an attempt to open it for oneself
    /// fails with an error of its own.
    pub(crate) fn explained(error: io::Error, path: &Path) -> io::Error {
        if error.raw_os_error() != Some(ERROR_ACCESS_DENIED) {
            return error;
        }
        if path.is_dir() {
            return io::ErrorKind::IsADirectory.into();
        }
        match File::options().read(true).share_mode(0).open(path) {
            Err(reason) if is_in_use(&reason) => reason,
            Ok(_) | Err(_) => error,
        }
    }

    /// Opens or creates a file that no other program can open meanwhile. Windows deletes it when it is closed, as it is
    /// at the end of the process.
    pub(crate) fn open_alone(path: &Path) -> io::Result<File> {
        let mut options = File::options();
        options.write(true).create(true).truncate(false).access_mode(DELETE | GENERIC_WRITE);
        options.share_mode(0).custom_flags(FILE_FLAG_DELETE_ON_CLOSE).open(path)
    }
}

/// An open file can be replaced and deleted.
#[cfg(not(windows))]
mod never_in_use {
    use std::io;
    use std::path::Path;

    pub(crate) const fn may_be_in_use(_: &io::Error) -> bool {
        false
    }

    pub(crate) const fn is_in_use(_: &io::Error) -> bool {
        false
    }

    pub(crate) const fn explained(error: io::Error, _: &Path) -> io::Error {
        error
    }
}
