//! What a name and a password must look like. Hashing and tokens are the service's.

use std::fmt;

use super::identity::{InvalidId, Uid};

/// Characters in a person's or a group's name.
pub const MAX_NAME: usize = 64;
/// Bytes. The upper bound protects the hash function, which reads all of it.
pub const MIN_PASSWORD: usize = 8;
pub const MAX_PASSWORD: usize = 256;
/// People whom one group may have: their list goes to every member.
pub const MAX_GROUP_MEMBERS: usize = 500;
/// Groups that one person may be in, so that a policy or a list of groups stays a page.
pub const MAX_GROUPS: usize = 1000;
/// The tokens of WuKongIM's own devices are not for people.
const SYSTEM_DEVICE_FLAG: u8 = 99;

/// How a person or a group is called. No control characters, no blanks around it.
#[derive(Clone, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    pub fn parse(text: &str) -> Result<Name, InvalidId> {
        let text = text.trim();
        if text.is_empty() || text.chars().count() > MAX_NAME {
            return Err(InvalidId("a name has 1 to 64 characters"));
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidId("a name has no control characters"));
        }
        Ok(Name(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({} bytes)", self.0.len())
    }
}

/// For a new account. In an address these are steps and no names, so nobody could be removed from a group under them.
pub fn check_new_uid(uid: &Uid) -> Result<(), InvalidId> {
    if matches!(uid.as_str(), "." | "..") { Err(InvalidId("this id is reserved")) } else { Ok(()) }
}

/// For a new account. A log-in takes what was once accepted.
pub fn check_new_password(password: &str) -> Result<(), InvalidId> {
    if password.len() < MIN_PASSWORD {
        return Err(InvalidId("a password has at least 8 bytes"));
    }
    check_password_size(password)
}

pub fn check_password_size(password: &str) -> Result<(), InvalidId> {
    if password.len() > MAX_PASSWORD { Err(InvalidId("a password has at most 256 bytes")) } else { Ok(()) }
}

/// What kind of device a token is for: WuKongIM keeps one token for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceFlag(u8);

impl DeviceFlag {
    pub const WEB: DeviceFlag = DeviceFlag(1);

    pub fn parse(flag: u8) -> Result<DeviceFlag, InvalidId> {
        if flag == SYSTEM_DEVICE_FLAG { Err(InvalidId("this device flag is reserved")) } else { Ok(DeviceFlag(flag)) }
    }

    pub fn number(self) -> u8 {
        self.0
    }
}
