//! What all requests share, and the few steps that several of them take.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, Semaphore};

use super::config::Config;
use super::error::ApiError;
use super::gateways::Gateways;
use super::secrets::{self, Secrets};
use super::wukongim::{Wukongim, WukongimError};
use crate::rules::message::{self, SeenMessage, StoredMessage};
use crate::rules::rate::{Limiter, Rate};
use crate::rules::{Channel, ChannelRef, Span, Time, Uid, Version};
use crate::storage::{SessionKey, Store};

/// The server's clock, handed in so that a test can hold it.
pub type Clock = Arc<dyn Fn() -> Time + Send + Sync>;

pub struct App {
    pub config: Config,
    pub store: Store,
    pub wukongim: Wukongim,
    pub secrets: Secrets,
    pub gateways: Gateways,
    pub limits: Limits,
    /// Wakes whoever runs errands.
    pub errand_added: Notify,
    /// Wakes whoever waits for one.
    pub errand_done: Notify,
    /// Password hashing takes memory; two at once are plenty and a flood of log-ins waits.
    pub hashing: Semaphore,
    /// What is hashed where nobody has that uid, so that a stranger cannot tell.
    pub nobodys_hash: String,
    clock: Clock,
    /// Registering and taking away tokens of one person happen one after the other.
    token_locks: Vec<tokio::sync::Mutex<()>>,
}

/// How often somebody may try what costs us or helps an attacker.
pub struct Limits {
    login_by_address: Mutex<Limiter<IpAddr>>,
    login_by_uid: Mutex<Limiter<String>>,
    changes_by_uid: Mutex<Limiter<Uid>>,
}

/// Names that a limiter remembers at most, some MB.
const REMEMBERED: usize = 20_000;
/// Wrong passwords for one uid. A right one is given back.
const LOGIN_BY_UID: Rate = Rate { burst: 20, refill: Span(15_000) };
/// Recalls, restores, groups: each writes rows for ever.
const CHANGES_BY_UID: Rate = Rate { burst: 300, refill: Span(500) };
const TOKEN_LOCKS: usize = 64;

fn take<K: Eq + Hash>(limiter: &Mutex<Limiter<K>>, name: K, now: Time) -> Result<(), ApiError> {
    limiter.lock().unwrap_or_else(PoisonError::into_inner).take(name, now).map_err(ApiError::RateLimited)
}

impl Limits {
    pub fn new(login_burst: u32) -> Limits {
        let by_address = Rate { burst: login_burst, refill: Span(120_000 / i64::from(login_burst.max(1))) };
        Limits {
            login_by_address: Mutex::new(Limiter::new(by_address, REMEMBERED)),
            login_by_uid: Mutex::new(Limiter::new(LOGIN_BY_UID, REMEMBERED)),
            changes_by_uid: Mutex::new(Limiter::new(CHANGES_BY_UID, REMEMBERED)),
        }
    }

    pub fn address(&self, address: IpAddr, now: Time) -> Result<(), ApiError> {
        take(&self.login_by_address, address, now)
    }

    pub fn login(&self, uid: &Uid, now: Time) -> Result<(), ApiError> {
        take(&self.login_by_uid, uid.as_str().to_owned(), now)
    }

    pub fn right_password(&self, uid: &Uid) {
        self.login_by_uid.lock().unwrap_or_else(PoisonError::into_inner).give_back(&uid.as_str().to_owned());
    }

    pub fn change(&self, uid: &Uid, now: Time) -> Result<(), ApiError> {
        take(&self.changes_by_uid, uid.clone(), now)
    }
}

impl App {
    pub fn new(
        config: Config,
        store: Store,
        wukongim: Wukongim,
        secrets: Secrets,
        clock: Clock,
    ) -> Result<App, secrets::NoEntropy> {
        Ok(App {
            gateways: Gateways::new(config.gateway.clone()),
            limits: Limits::new(config.login_burst),
            nobodys_hash: secrets::hash_password("nobody's password")?,
            config,
            store,
            wukongim,
            secrets,
            errand_added: Notify::new(),
            errand_done: Notify::new(),
            hashing: Semaphore::new(2),
            clock,
            token_locks: (0..TOKEN_LOCKS).map(|_| tokio::sync::Mutex::new(())).collect(),
        })
    }

    pub fn now(&self) -> Time {
        (self.clock)()
    }

    pub fn token_lock(&self, uid: &Uid) -> &tokio::sync::Mutex<()> {
        let mut hasher = DefaultHasher::new();
        uid.hash(&mut hasher);
        &self.token_locks[(hasher.finish() % TOKEN_LOCKS as u64) as usize]
    }

    /// Makes WuKongIM know a session's token. It may have lost it, and to tell it twice does no harm.
    pub async fn register(&self, session: &SessionKey) -> Result<(), ApiError> {
        let token = self.secrets.token(session);
        Ok(self.wukongim.register_token(&session.uid, session.device_flag, token.reveal()).await?)
    }

    /// As `register`, once, where nobody waits for it and it is tried again. True if there is nothing more to try.
    pub async fn try_to_register(&self, session: &SessionKey) -> bool {
        let token = self.secrets.token(session);
        match self.wukongim.try_to_register_token(&session.uid, session.device_flag, token.reveal()).await {
            Ok(()) | Err(WukongimError::Refused { .. }) => true,
            Err(WukongimError::Unavailable | WukongimError::Missing | WukongimError::Unreadable) => false,
        }
    }

    /// The channel that somebody names, if they may read it. Everything that shows or changes a channel's messages begins here.
    pub async fn channel(&self, caller: &Uid, named: &ChannelRef) -> Result<Channel, ApiError> {
        let channel = Channel::named(named, caller)?;
        if self.is_member(caller, &channel).await? {
            Ok(channel)
        } else {
            Err(ApiError::Forbidden("you are no member of this channel"))
        }
    }

    pub async fn is_member(&self, uid: &Uid, channel: &Channel) -> Result<bool, ApiError> {
        match channel {
            Channel::Person(pair) => Ok(pair.peer_of(uid).is_some()),
            Channel::Group(group) => Ok(self.store.role(group, uid).await?.is_some()),
        }
    }

    /// A person channel with messages is remembered for both sides: WuKongIM may never list it.
    pub async fn remember(&self, caller: &Uid, channel: &Channel) -> Result<(), ApiError> {
        if let Channel::Person(pair) = channel
            && let Some(peer) = pair.peer_of(caller)
            && !peer.is_system()
            && !self.store.is_pair(caller, peer).await?
        {
            self.store.remember_pair(caller, peer).await?;
        }
        Ok(())
    }

    /// Messages as `viewer` may see them, and the version of the marks that were merged in. The marks are read after the
    /// messages, so a recall that was recorded before this answer is in it.
    pub async fn show(
        &self,
        channel: &Channel,
        viewer: &Uid,
        messages: Vec<StoredMessage>,
    ) -> Result<(Vec<SeenMessage>, Version), ApiError> {
        let (mut marks, version) = self.store.marks_for(channel, &message::marks_needed(&messages)).await?;
        let unknown = message::unknown_copies(&messages, &marks);
        if !unknown.is_empty() {
            marks.learn(&unknown);
            self.store.add_copies(channel, &unknown).await?;
        }
        Ok((message::merge(messages, &marks, viewer), version))
    }

    /// Content that its author gets back, without what has been withdrawn of others since.
    pub async fn without_withdrawn_quotes(&self, channel: &Channel, content: Vec<u8>) -> Result<Vec<u8>, ApiError> {
        let quoted = crate::rules::content::quoted(&content);
        if quoted.is_empty() {
            return Ok(content);
        }
        let (marks, _) = self.store.marks_for(channel, &message::MarksNeeded { targets: Vec::new(), quoted }).await?;
        Ok(crate::rules::content::purge_quotes(&content, &|id| marks.withdraws(id)).unwrap_or(content))
    }
}
