//! Taps: what an exchange learns from the events of a stream that passes through it untouched.
//!
//! A tap looks at each complete event, keeps the raw JSON of a few fields (usage, model, error), counts deltas, and says
//! whether the event goes on to the client, is held as the terminal event, or is dropped. It never changes a byte. One
//! file per dialect; the table is `Dialect`.

mod anthropic_messages;
mod bedrock_converse;
mod captures;
mod gemini_generate;
mod openai_chat;
mod openai_responses;

use crate::sse::Event;

pub use captures::{Captures, Status};

/// The dialect whose events a tap understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Nothing is looked at.
    None,
    /// `OpenAI` Responses.
    OpenaiResponses,
    /// `OpenAI` Chat Completions.
    OpenaiChat,
    /// Anthropic Messages.
    AnthropicMessages,
    /// Gemini `streamGenerateContent` with `alt=sse`.
    GeminiGenerate,
    /// Bedrock `ConverseStream`, an AWS event stream.
    BedrockConverse,
}

impl Dialect {
    /// From its public name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "none" => Self::None,
            "openai.responses" => Self::OpenaiResponses,
            "openai.chat" => Self::OpenaiChat,
            "anthropic.messages" => Self::AnthropicMessages,
            "gemini.generate" => Self::GeminiGenerate,
            "bedrock.converse" => Self::BedrockConverse,
            _ => return None,
        })
    }

    /// Whether an error in mid-stream may stand there as bare JSON, without `data:`.
    #[must_use]
    pub fn has_bare_errors(self) -> bool {
        self == Self::GeminiGenerate
    }
}

/// What is to be done with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Send it on.
    Forward,
    /// It ends the answer: hand it over separately.
    Terminal,
    /// The client did not ask for it.
    Drop,
}

/// One exchange's tap.
#[derive(Debug)]
pub struct Tap {
    dialect: Dialect,
    drop_usage_chunk: bool,
    terminal_seen: bool,
    captures: Captures,
}

impl Tap {
    /// A tap that has seen nothing. With `drop_usage_chunk`, a chat chunk that only carries usage is dropped.
    #[must_use]
    pub fn new(dialect: Dialect, drop_usage_chunk: bool) -> Self {
        Self { dialect, drop_usage_chunk, terminal_seen: false, captures: Captures::default() }
    }

    /// Look at one complete event. After the terminal event nothing is looked at any more.
    pub fn event(&mut self, bytes: &[u8]) -> Verdict {
        if self.dialect == Dialect::None || self.terminal_seen {
            return Verdict::Forward;
        }
        let captures = &mut self.captures;
        let verdict = if self.dialect == Dialect::BedrockConverse {
            bedrock_converse::event(captures, bytes)
        } else {
            server_sent(self.dialect, captures, bytes, self.drop_usage_chunk)
        };
        self.terminal_seen |= verdict == Verdict::Terminal;
        verdict
    }

    /// What has been learnt so far.
    #[must_use]
    pub fn captures(&self) -> &Captures {
        &self.captures
    }
}

fn server_sent(dialect: Dialect, captures: &mut Captures, bytes: &[u8], drop_usage_chunk: bool) -> Verdict {
    let Event { name, data: Some(data) } = Event::parse(bytes) else {
        return Verdict::Forward;
    };
    match dialect {
        Dialect::OpenaiResponses => openai_responses::event(captures, name, &data),
        Dialect::OpenaiChat => openai_chat::event(captures, &data, drop_usage_chunk),
        Dialect::AnthropicMessages => anthropic_messages::event(captures, name, &data),
        Dialect::GeminiGenerate => gemini_generate::event(captures, &data),
        Dialect::None | Dialect::BedrockConverse => Verdict::Forward,
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
