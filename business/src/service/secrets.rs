//! What is derived from the server's one secret: tokens, and the key that seals recalled content. And password hashes.
//!
//! A token is a function of secret, uid, device flag and generation, so every log-in of one kind of device gets the same one
//! without its being stored, and a higher generation makes all earlier ones worthless.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::rules::recall::Mark;
use crate::storage::{SessionKey, TokenHash};

pub struct Secrets {
    tokens: [u8; 32],
    sealing: Aes256Gcm,
}

/// A bearer token, for our API and for WuKongIM alike.
pub struct Token(String);

impl Token {
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// The operating system gave no random bytes.
#[derive(Debug)]
pub struct NoEntropy;

pub fn random<const N: usize>() -> Result<[u8; N], NoEntropy> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| NoEntropy)?;
    Ok(bytes)
}

impl From<NoEntropy> for io::Error {
    fn from(_: NoEntropy) -> io::Error {
        io::Error::other("no random bytes from the operating system")
    }
}

const NONCE: usize = 12;

impl Secrets {
    /// The secret of a data folder, made at its first start. Whoever loses it ends all sessions and all sealed content.
    pub fn of_folder(folder: &Path) -> io::Result<Secrets> {
        let path = folder.join("secret");
        match fs::read(&path) {
            Ok(bytes) => {
                let secret = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| {
                    io::Error::new(io::ErrorKind::InvalidData, "the file `secret` in the data folder is damaged")
                })?;
                Ok(Secrets::new(&secret))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let secret = random::<32>()?;
                // Whole or not at all: a crash in between leaves a file that the next start writes anew.
                let draft = folder.join("secret.new");
                write_private(&draft, &secret)?;
                fs::rename(&draft, &path)?;
                Ok(Secrets::new(&secret))
            }
            Err(error) => Err(error),
        }
    }

    pub fn new(secret: &[u8; 32]) -> Secrets {
        Secrets {
            tokens: mac(secret, b"jindou tokens 1"),
            sealing: Aes256Gcm::new(&mac(secret, b"jindou sealed content 1").into()),
        }
    }

    pub fn token(&self, key: &SessionKey) -> Token {
        // No uid holds a zero byte, so no two keys give one text.
        let text = format!("{}\0{}\0{}", key.uid.as_str(), key.device_flag.number(), key.generation);
        Token(URL_SAFE_NO_PAD.encode(mac(&self.tokens, text.as_bytes())))
    }

    pub fn hash_of(&self, key: &SessionKey) -> TokenHash {
        hash(self.token(key).reveal())
    }

    /// Seals content to the message that it belongs to.
    pub fn seal(&self, mark: &Mark, content: &[u8]) -> Result<Vec<u8>, NoEntropy> {
        let nonce = random::<NONCE>()?;
        let sealed = self.sealing.encrypt(&Nonce::from(nonce), Payload { msg: content, aad: &associated(mark) });
        // It fails only for content beyond 64 GiB.
        Ok([nonce.as_slice(), &sealed.map_err(|_| NoEntropy)?].concat())
    }

    /// None where it was sealed under another secret, or to another message.
    pub fn open(&self, mark: &Mark, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, content) = sealed.split_first_chunk::<NONCE>()?;
        self.sealing.decrypt(&Nonce::from(*nonce), Payload { msg: content, aad: &associated(mark) }).ok()
    }
}

pub fn hash(token: &str) -> TokenHash {
    TokenHash(Sha256::digest(token.as_bytes()).into())
}

fn associated(mark: &Mark) -> Vec<u8> {
    format!(
        "{}\0{}\0{}\0{}",
        mark.channel.channel_type(),
        mark.channel.key(),
        mark.key.author.as_str(),
        mark.key.name.to_key()
    )
    .into_bytes()
}

fn mac(key: &[u8; 32], text: &[u8]) -> [u8; 32] {
    // A block's length: shorter keys are filled with zeros by HMAC itself.
    let mut block = [0; 64];
    block[..32].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(text);
    mac.finalize().into_bytes().into()
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Takes tens of milliseconds and 19 MiB on purpose; not for an async thread.
pub fn hash_password(password: &str) -> Result<String, NoEntropy> {
    Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string()).map_err(|_| NoEntropy)
}

pub fn verify_password(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::account::DeviceFlag;
    use crate::rules::identity::{GroupId, TargetName};
    use crate::rules::recall::{Capacity, MarkState};
    use crate::rules::{Author, Channel, ClientMsgNo, TargetKey, Time, Uid, Version};

    fn session(uid: &str, generation: u64) -> SessionKey {
        SessionKey { uid: Uid::try_from(uid.to_owned()).expect("uid"), device_flag: DeviceFlag::WEB, generation }
    }

    fn mark(author: &str) -> Mark {
        let key = TargetKey { author: Author::new(author), name: TargetName::ClientMsgNo(ClientMsgNo::stored("c")) };
        Mark {
            channel: Channel::Group(GroupId::try_from("g".to_owned()).expect("g")),
            key,
            version: Version::ZERO,
            state: MarkState::Recalled,
            client_msg_no: ClientMsgNo::stored("c"),
            copies: vec![],
            operator: Uid::try_from("a".to_owned()).expect("uid"),
            capacity: Capacity::Author,
            at: Time(0),
            deadline: None,
        }
    }

    #[test]
    fn a_token_is_the_same_for_one_generation_and_another_for_anything_else() {
        let secrets = Secrets::new(&[7; 32]);
        let token = |key| secrets.token(&key).reveal().to_owned();
        assert_eq!(token(session("alice", 1)), token(session("alice", 1)));
        assert_ne!(token(session("alice", 1)), token(session("alice", 2)));
        assert_ne!(token(session("alice", 1)), token(session("bob", 1)));
        assert_ne!(token(session("alice", 1)), Secrets::new(&[8; 32]).token(&session("alice", 1)).reveal());
    }

    #[test]
    fn a_start_that_broke_off_while_it_made_the_secret_is_made_good_by_the_next() {
        let folder = std::env::temp_dir().join(format!("jindou-secret-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("folder");
        fs::write(folder.join("secret.new"), b"half").expect("draft");
        let token = || Secrets::of_folder(&folder).expect("secrets").token(&session("alice", 1)).reveal().to_owned();
        assert_eq!(token(), token());
        assert!(!folder.join("secret.new").exists());
        fs::remove_dir_all(&folder).expect("removed");
    }

    #[test]
    fn sealed_content_opens_for_its_own_message_only() {
        let secrets = Secrets::new(&[7; 32]);
        let sealed = secrets.seal(&mark("alice"), b"secret").expect("sealed");
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
        assert_eq!(secrets.open(&mark("alice"), &sealed).as_deref(), Some(&b"secret"[..]));
        assert_eq!(secrets.open(&mark("bob"), &sealed), None);
        assert_eq!(Secrets::new(&[8; 32]).open(&mark("alice"), &sealed), None);
        assert_eq!(secrets.open(&mark("alice"), b"short"), None);
    }

    #[test]
    fn a_password_is_verified_against_its_hash_alone() {
        let hash = hash_password("correct horse").expect("hashed");
        assert!(hash.starts_with("$argon2id$") && !hash.contains("correct"));
        assert!(verify_password("correct horse", &hash));
        assert!(!verify_password("wrong", &hash) && !verify_password("correct horse", "no hash"));
    }
}
