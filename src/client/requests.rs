//! What was asked of the business server and of the application, for whom, and until when an answer is awaited.

use crate::channel::{Channel, ClientMsgNo};
use crate::error::{Error, ErrorCode};
use crate::event::{Event, Trace};
use crate::id::MessageSeq;
use crate::request::{self, FetchFailure, Request, Response, Target};
use crate::rows::{AuditRow, Change};
use crate::sorted::{Map, Set};
use crate::sync::{Ended, Job};
use crate::time::{Millis, Mono, Now};
use crate::timeline::{Arrival, Figure, Span, Timeline, Work, arrival};
use crate::turn::{Action, After, Reply, RequestId, Ticket};

use super::{Client, Output};

/// Against a shell that never answers. Any other gives up sooner, even where it asks, gets a new token and asks again.
const ANSWER: Millis = Millis(2 * request::HTTP_PATIENCE.0 + request::FUNCTION_PATIENCE.0 + 5_000);
/// For new addresses where some are known: a business server that hangs must not keep us from a gateway that lives.
const NEW_ADDRESSES: Millis = Millis::seconds(5);
pub const COMMANDS: usize = 1_000;
const MARKS: usize = 200;

pub enum Task {
    Token,
    Gateway,
    Job(Job),
    Marks { channels: Vec<(Channel, u64)> },
    History { channel: Channel, span: Span },
    Lookup { channel: Channel, asked: Vec<ClientMsgNo> },
    Action { ticket: Ticket, action: Action, channel: Channel, target: Target },
}

#[derive(Default)]
pub struct Requests {
    under_way: Map<RequestId, (Task, Mono)>,
    next: u64,
    /// Bad answers and refusals that the application heard of on this connection, by their text. What fails is asked again, each time
    /// later, and need not be reported again.
    reported: Set<String>,
}

impl Requests {
    pub fn poll_timeout(&self) -> Option<Mono> {
        self.under_way.values().map(|(_, deadline)| *deadline).min()
    }

    pub fn take_late(&mut self, now: Mono) -> Vec<(RequestId, Task)> {
        let mut late = Vec::new();
        for (id, (task, deadline)) in core::mem::take(&mut self.under_way) {
            if deadline <= now {
                late.push((id, task));
            } else {
                self.under_way.insert(id, (task, deadline));
            }
        }
        late
    }

    pub fn lookups(&self) -> usize {
        self.under_way.values().filter(|(task, _)| matches!(task, Task::Lookup { .. })).count()
    }

    /// The connection is gone, and what catching up asked is asked anew with the next. What a person asked goes on.
    pub fn forget_jobs(&mut self) -> Vec<RequestId> {
        self.reported.clear();
        self.forget(|task| !matches!(task, Task::Token | Task::Gateway | Task::Action { .. } | Task::Lookup { .. }))
    }

    /// Tokens and addresses that are awaited belong to an attempt that is over.
    fn forget_attempt(&mut self) -> Vec<RequestId> {
        self.forget(|task| matches!(task, Task::Token | Task::Gateway))
    }

    fn forget(&mut self, which: fn(&Task) -> bool) -> Vec<RequestId> {
        let mut ids = Vec::new();
        self.under_way.retain(|id, (task, _)| {
            let over = which(task);
            if over {
                ids.push(*id);
            }
            !over
        });
        ids
    }

    pub fn drain(&mut self) -> Vec<(RequestId, Option<Ticket>)> {
        let ticket = |task: &Task| match task {
            Task::Action { ticket, .. } => Some(*ticket),
            _ => None,
        };
        core::mem::take(&mut self.under_way).into_iter().map(|(id, (task, _))| (id, ticket(&task))).collect()
    }

    /// The application no longer waits for this; true if it did.
    pub fn abort(&mut self, aborted: Ticket) -> bool {
        let before = self.under_way.len();
        self.under_way.retain(|_, (task, _)| !matches!(task, Task::Action { ticket, .. } if *ticket == aborted));
        self.under_way.len() < before
    }
}

impl Client {
    fn ask(&mut self, now: Now, request: Request, task: Task) {
        self.requests.next += 1;
        let id = RequestId(self.requests.next);
        let patience =
            if matches!(task, Task::Gateway) && self.session.knows_addresses() { NEW_ADDRESSES } else { ANSWER };
        self.requests.under_way.insert(id, (task, now.mono + patience));
        if self.config.trace
            && let Some(http) = request.http()
        {
            self.outputs.push_back(Output::Event(Event::Trace { line: Trace::Request { path: http.path } }));
        }
        self.outputs.push_back(Output::Fetch(id, request));
    }

    pub(super) fn ask_token(&mut self, now: Now) {
        for id in self.requests.forget_attempt() {
            self.outputs.push_back(Output::Cancel(id));
        }
        self.ask(now, Request::Token, Task::Token);
    }

    pub(super) fn ask_gateway(&mut self, now: Now) {
        self.ask(now, Request::Gateway, Task::Gateway);
    }

    pub(super) fn ask_action(&mut self, now: Now, ticket: Ticket, action: Action, channel: Channel, target: Target) {
        let body = request::Act::new(channel.clone(), target.clone());
        let request = match action {
            Action::Recall => Request::Recall(body),
            Action::Restore => Request::Restore(body),
            Action::Reedit => Request::Reedit(body),
        };
        self.ask(now, request, Task::Action { ticket, action, channel, target });
    }

    pub(super) fn ask_lookup(&mut self, now: Now, channel: Channel, asked: Vec<ClientMsgNo>) {
        let request = Request::Lookup(request::Lookup { channel: channel.clone(), client_msg_nos: asked.clone() });
        self.ask(now, request, Task::Lookup { channel, asked });
    }

    /// Asks what catching up wants next.
    pub(super) fn catch_up(&mut self, now: Now) {
        if !self.session.is_ready() {
            return;
        }
        if !self.listen(now) {
            return;
        }
        if self.sync.take_round(now.mono) {
            let known = self.known_channels();
            self.sync.round(now.mono, known.into_iter());
            for channel in self.watched.clone() {
                self.timeline(&channel).refresh(true);
                self.sync.want_history(now.mono, channel, Millis(0));
            }
        }
        while let Some(job) = self.sync.poll(now.mono) {
            let (request, task) = match &job {
                Job::Policy => (Request::Policy, Task::Job(job)),
                Job::Online => (Request::Online, Task::Job(job)),
                Job::Commands => (Request::Commands(request::Commands { limit: COMMANDS }), Task::Job(job)),
                Job::CommandsAck(seq) => {
                    (Request::CommandsAck(request::CommandsAck { message_seq: *seq }), Task::Job(job))
                }
                Job::Conversations => (Request::Conversations(self.conversations_request()), Task::Job(job)),
                Job::News => (Request::Conversations(self.news_request(now)), Task::Job(job)),
                Job::Marks(channels) => {
                    let mut asked = Vec::new();
                    let mut of = Vec::new();
                    for channel in channels {
                        let timeline = self.timeline(channel);
                        of.push(request::MarksOf { channel: channel.clone(), since: timeline.row().marks_version });
                        asked.push((channel.clone(), timeline.hint_count()));
                    }
                    let body = request::Marks { channels: of, limit: MARKS };
                    (Request::Marks(body), Task::Marks { channels: asked })
                }
                Job::History(channel) => match self.timeline(channel).next_history() {
                    Some((body, span)) => (Request::History(body), Task::History { channel: channel.clone(), span }),
                    None => {
                        self.sync.handle_ended(now.mono, &job, Ended::Answered);
                        if self.timeline(channel).owes_history_event() {
                            // What was missing was pushed meanwhile.
                            self.push_work(channel, Work::Whole);
                        }
                        continue;
                    }
                },
                Job::Read(channel, seq) => {
                    let body = request::Read { channel: channel.clone(), message_seq: *seq };
                    (Request::Read(body), Task::Job(job))
                }
            };
            self.ask(now, request, task);
        }
        // Everything is here once what was answered is, and stored.
        if self.sync.is_done(now.mono) && !self.timelines.values().any(Timeline::is_reading) {
            self.sync.announce();
            // Behind what waits for the store, and in order.
            let mut turn = self.turn(now);
            turn.after.extend(self.session.connection().map(After::CaughtUp));
            self.absorb(turn);
        }
    }

    pub(super) fn fetched(&mut self, now: Now, id: RequestId, outcome: Result<Response, FetchFailure>) {
        if let Some((task, _)) = self.requests.under_way.remove(&id) {
            let no_call_waits = !matches!(task, Task::Action { .. });
            if let Err(failure) = &outcome
                && no_call_waits
                && failure.retryable
                && failure.code == "bad-response"
                && self.requests.reported.insert(failure.message.clone())
            {
                self.outputs.push_back(Output::Event(Event::Problem { error: error_of(failure.clone()) }));
            }
            self.answered(now, task, outcome);
        }
    }

    pub(super) fn answered(&mut self, now: Now, task: Task, outcome: Result<Response, FetchFailure>) {
        match (task, outcome) {
            (Task::Token, outcome) => self.session.handle_token(
                now,
                expect(outcome, |response| match response {
                    Response::Token(token) => Some(token),
                    _ => None,
                }),
            ),
            (Task::Gateway, outcome) => self.session.handle_gateway(
                now,
                expect(outcome, |response| match response {
                    Response::Gateway(addresses) => Some(addresses),
                    _ => None,
                }),
            ),
            (Task::Job(job), outcome) => self.job_answered(now, &job, outcome),
            (Task::Marks { channels }, outcome) => self.marks_answered(now, channels, outcome),
            (Task::History { channel, span }, outcome) => self.history_answered(now, channel, span, outcome),
            (Task::Lookup { channel, asked }, outcome) => self.lookup_answered(now, &channel, asked, outcome),
            (Task::Action { ticket, action, channel, target }, Err(failure)) => {
                self.action_failed(now, ticket, action, channel, target, failure);
            }
            (Task::Action { ticket, action, channel, .. }, Ok(response)) => {
                self.action_answered(now, ticket, action, &channel, response);
            }
        }
    }

    fn job_answered(&mut self, now: Now, job: &Job, outcome: Result<Response, FetchFailure>) {
        let ended = match outcome {
            Err(failure) => self.judge(failure),
            Ok(Response::Policy(policy)) => {
                if let Some(server_time) = policy.server_time {
                    self.session.set_server_time(now, server_time);
                }
                self.policy = policy;
                Ended::Answered
            }
            Ok(Response::Online(online)) => {
                self.sync.handle_ended(now.mono, job, Ended::Answered);
                if self.sync.handle_presence(now.mono, online) {
                    self.session.reconnect(now, "the server no longer knows this connection");
                }
                return;
            }
            Ok(Response::Commands(commands)) => {
                self.commands_synced(now, commands);
                Ended::Answered
            }
            Ok(Response::Conversations(conversations)) if *job == Job::News => {
                self.news_came(now, conversations);
                Ended::Answered
            }
            Ok(Response::Conversations(conversations)) => {
                self.conversations_synced(now, conversations);
                Ended::Answered
            }
            Ok(_) => Ended::Answered,
        };
        self.sync.handle_ended(now.mono, job, ended);
        if *job == Job::Conversations && ended == Ended::Answered {
            // Only now it is known that nothing newer is at the server.
            self.tell_owed_history();
        }
    }

    /// Tells whoever was shown less than there is that nothing more comes, in each channel where that is so.
    fn tell_owed_history(&mut self) {
        let owing = self.timelines.iter().filter(|(_, timeline)| timeline.owes_history_event());
        for channel in owing.map(|(channel, _)| channel.clone()).collect::<Vec<_>>() {
            self.push_work(&channel, Work::Whole);
        }
    }

    fn judge(&mut self, failure: FetchFailure) -> Ended {
        if failure.code == "not-supported" {
            Ended::Unsupported
        } else if failure.retryable {
            Ended::Retry(failure.retry_after)
        } else {
            // After a new log-in the same question may be answered: nothing is wrong with it.
            let ended = if failure.code == "unauthorized" { Ended::Retry(Millis(0)) } else { Ended::Refused };
            if self.requests.reported.insert(failure.message.clone()) {
                self.outputs.push_back(Output::Event(Event::Problem { error: error_of(failure) }));
            }
            ended
        }
    }

    fn conversations_synced(&mut self, now: Now, conversations: Vec<request::Conversation>) {
        for conversation in conversations {
            let channel = conversation.channel.clone();
            if crate::config::name("channelId", &channel.id).is_err() {
                continue;
            }
            let behind = conversation.marks_version > self.timeline(&channel).row().marks_version;
            self.sync.note_newest(conversation.timestamp);
            // A group that WuKongIM does not list yet comes without figures.
            let figure = (conversation.last_message_seq > MessageSeq(0)).then_some(Figure {
                last_seq: conversation.last_message_seq,
                read_to: conversation.read_to,
                unread: conversation.unread,
            });
            let arrivals = conversation.recents.into_iter().map(|message| arrival(&channel, message)).collect();
            self.push_page(&channel, arrivals, Span::Recents, true, figure);
            if behind {
                self.sync.want_marks(now.mono, channel);
            }
        }
    }

    /// Gives a page to its timeline, the marks that its messages carry first: what they recall may be quoted elsewhere.
    pub(super) fn push_page(
        &mut self,
        channel: &Channel,
        arrivals: Vec<Arrival>,
        span: Span,
        more: bool,
        figure: Option<Figure>,
    ) {
        let mut marks = Vec::new();
        for arrival in &arrivals {
            marks.extend(arrival.mark.clone());
        }
        if !marks.is_empty() {
            let (hints_until, ticket) = (None, None);
            let work = Work::Marks { marks, version: 0, single: true, more: false, hints_until, ticket, by: "history" };
            self.push_work(channel, work);
        }
        self.push_work(channel, Work::Page { arrivals, span, more, figure });
    }

    fn marks_answered(&mut self, now: Now, channels: Vec<(Channel, u64)>, outcome: Result<Response, FetchFailure>) {
        let job = Job::Marks(channels.iter().map(|(channel, _)| channel.clone()).collect());
        let ended = match outcome {
            Err(failure) => self.judge(failure),
            Ok(Response::Marks(answers)) => {
                // A feed that always has more, and never gets any further, must not be asked for ever.
                let goes_on = answers.iter().any(|answer| {
                    let known = self.timelines.get(&answer.channel).map_or(0, |timeline| timeline.row().marks_version);
                    !answer.more || read_to(answer) > known
                });
                for answer in answers {
                    let Some((_, hints_until)) = channels.iter().find(|(channel, _)| *channel == answer.channel) else {
                        continue;
                    };
                    // A page that has more says nothing of the hints yet.
                    let hints_until = (!answer.more).then_some(*hints_until);
                    let version = read_to(&answer);
                    let work = Work::Marks {
                        marks: answer.marks,
                        version,
                        single: false,
                        more: answer.more && goes_on,
                        hints_until,
                        ticket: None,
                        by: "feed",
                    };
                    self.push_work(&answer.channel, work);
                }
                Ended::Answered
            }
            Ok(_) => Ended::Retry(Millis(0)),
        };
        self.sync.handle_ended(now.mono, &job, ended);
    }

    fn history_answered(&mut self, now: Now, channel: Channel, span: Span, outcome: Result<Response, FetchFailure>) {
        let ended = match outcome {
            Err(failure) => {
                let ended = self.judge(failure);
                if !matches!(ended, Ended::Retry(_)) {
                    self.timeline(&channel).give_up();
                    self.push_work(&channel, Work::Whole);
                }
                ended
            }
            Ok(Response::History(page)) => {
                let behind = page.marks_version > self.timeline(&channel).row().marks_version;
                let arrivals = page.messages.into_iter().map(|message| arrival(&channel, message)).collect();
                self.push_page(&channel, arrivals, span, page.more, None);
                if behind {
                    self.sync.want_marks(now.mono, channel.clone());
                }
                Ended::Answered
            }
            Ok(_) => Ended::Retry(Millis(0)),
        };
        self.sync.handle_ended(now.mono, &Job::History(channel), ended);
        if ended == Ended::Unsupported {
            // The other channels are not asked about any more.
            self.tell_owed_history();
        }
    }

    fn lookup_answered(
        &mut self,
        now: Now,
        channel: &Channel,
        asked: Vec<ClientMsgNo>,
        outcome: Result<Response, FetchFailure>,
    ) {
        match outcome {
            Ok(Response::Found(found)) => {
                let mut missing = asked.clone();
                missing.retain(|asked| !found.iter().any(|message| message.client_msg_no == *asked));
                let mut arrivals = Vec::new();
                let time = self.session.steady_time(now);
                for message in found {
                    // Only what is ours and was asked for can answer the outbox.
                    if asked.contains(&message.client_msg_no) && message.from_uid == self.config.uid {
                        let mut found = arrival(channel, message);
                        found.confirms =
                            self.outbox.is_last_look(time, &found.row.client_msg_no, found.row.message_seq);
                        found.row.unconfirmed = !found.confirms && self.outbox.is_suspect(&found.row.client_msg_no);
                        arrivals.push(found);
                    }
                }
                let mut turn = self.turn(now);
                let taken_back = self.outbox.not_found(&mut turn, time, &missing);
                self.absorb(turn);
                for (channel, id, seq) in taken_back {
                    self.push_work(&channel, Work::TakenBack { seq, id });
                }
                if !arrivals.is_empty() {
                    self.push_page(channel, arrivals, Span::Single, true, None);
                }
            }
            Ok(_) => self.outbox.lookup_failed(now, &asked, true, Millis(0), &mut self.dice),
            Err(FetchFailure { code, retryable, retry_after, .. }) => {
                // After a new log-in the same question may be answered.
                if !retryable && code != "unauthorized" {
                    let time = self.session.steady_time(now);
                    let mut turn = self.turn(now);
                    self.outbox.lookup_refused(&mut turn, time, &asked);
                    self.absorb(turn);
                }
                self.outbox.lookup_failed(now, &asked, retryable, retry_after, &mut self.dice);
            }
        }
    }

    /// What the business server refuses stands in the audit; what it did not answer is not decided.
    fn action_failed(
        &mut self,
        now: Now,
        ticket: Ticket,
        action: Action,
        channel: Channel,
        target: Target,
        failure: FetchFailure,
    ) {
        let mut turn = self.turn(now);
        if matches!(failure.code.as_str(), "recall-denied" | "forbidden") {
            turn.change(Change::Audit(AuditRow {
                ordinal: 0,
                at: now.wall,
                channel,
                operator: self.config.uid.clone(),
                copies: target.copies(),
                client_msg_no: target.client_msg_no,
                what: action.audit_word(false).to_owned(),
                by: "business".to_owned(),
            }));
        }
        turn.settle(ticket, Err(error_of(failure)));
        self.absorb(turn);
    }

    fn action_answered(&mut self, now: Now, ticket: Ticket, action: Action, channel: &Channel, response: Response) {
        match (action, response) {
            (Action::Reedit, Response::Content(content)) => {
                self.outputs.push_back(Output::Settle(ticket, Ok(Reply::Content { content })));
                // It is recalled, which may be news here.
                self.sync.want_marks(now.mono, channel.clone());
            }
            (_, Response::Mark(fed)) => {
                let work = Work::Marks {
                    marks: vec![fed],
                    version: 0,
                    single: true,
                    more: false,
                    hints_until: None,
                    ticket: Some(ticket),
                    by: "application",
                };
                self.push_work(channel, work);
                self.sync.want_marks(now.mono, channel.clone());
            }
            _ => {
                let error = Error::new(ErrorCode::BadResponse, "the business server answered something else");
                self.outputs.push_back(Output::Settle(ticket, Err(error)));
            }
        }
    }

    /// Settles a call that needs a business server where there is none.
    pub(super) fn lacks_business(&mut self, ticket: Ticket) -> bool {
        if !self.config.business {
            let error = Error::new(ErrorCode::NotSupported, "no business server is configured");
            self.outputs.push_back(Output::Settle(ticket, Err(error)));
        }
        !self.config.business
    }

    pub(super) fn settle(&mut self, ticket: Ticket, outcome: Result<Reply, Error>) {
        self.outputs.push_back(Output::Settle(ticket, outcome));
    }
}

/// The version up to which nothing is missing behind this answer.
fn read_to(answer: &request::ChannelMarks) -> u64 {
    let newest = answer.marks.iter().map(|fed| fed.mark.version).max();
    newest.filter(|_| answer.more).unwrap_or(answer.version)
}

fn expect<T>(
    outcome: Result<Response, FetchFailure>,
    take: impl FnOnce(Response) -> Option<T>,
) -> Result<T, FetchFailure> {
    outcome.and_then(|response| {
        take(response).ok_or_else(|| FetchFailure::new("bad-response", "the answer is of another kind", true))
    })
}

fn error_of(failure: FetchFailure) -> Error {
    let code = match failure.code.as_str() {
        "recall-denied" => {
            return Error::denied(failure.reason.unwrap_or(crate::error::DenyReason::Other), failure.deadline);
        }
        "not-supported" => ErrorCode::NotSupported,
        "not-found" => ErrorCode::NotFound,
        "unauthorized" => ErrorCode::Unauthorized,
        "forbidden" => ErrorCode::Forbidden,
        "invalid" => ErrorCode::InvalidArgument,
        "too-large" => ErrorCode::TooLarge,
        "bad-response" => ErrorCode::BadResponse,
        _ => ErrorCode::Unavailable,
    };
    Error { retryable: failure.retryable, ..Error::new(code, failure.message) }
}
