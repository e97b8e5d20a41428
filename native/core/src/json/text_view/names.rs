//! What the member names of the dialects say about the values below them. One table serves all five dialects: where a name
//! stands in several, it means the same. A name that is in no table is a piece itself, and all below it is `Other`.

use super::kind::Kind::{
    Assistant, Call, Developer, Media, Metadata, Other, Reasoning, Result, Sealed, System, Tools, User,
};
use super::kind::{Dialect, Kind};

/// How the members of an object are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The request.
    Top,
    /// The conversation: a list of messages.
    Items,
    /// A message, or anything of the dialect's own inside one.
    Node,
    /// JSON of somebody else's making: all keys and all values count.
    Free,
    /// Declared tools and other settings: known keys do not count.
    Schema,
}

/// What a string says that is a member's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    Text,
    Type,
    Role,
    Id,
    Word,
    Data,
    Sealed,
    MediaType,
    Arguments,
    /// `true` here makes the text beside it reasoning (Gemini).
    Thought,
}

/// The place of a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) form: Form,
    pub(super) kind: Kind,
    pub(super) says: Says,
}

const fn slot(form: Form, kind: Kind) -> Slot {
    Slot { form, kind, says: Says::Text }
}

pub(super) const TOP: Slot = slot(Form::Top, Other);
const MESSAGES: Slot = slot(Form::Items, User);
const UNKNOWN: Slot = slot(Form::Free, Other);

/// The place of a member's value in an object whose own place is of this form and kind, and whether its (unescaped) name is
/// known.
pub(super) fn member(form: Form, kind: Kind, name: &[u8], dialect: Dialect) -> (Slot, bool) {
    let known = match form {
        Form::Top => of_request(name, dialect),
        Form::Node => of_node(kind, name),
        Form::Schema => of_schema(kind, name),
        Form::Items | Form::Free => return (slot(form, kind), false),
    };
    match known {
        Some(slot) => (slot, true),
        None if form == Form::Schema => (slot(form, kind), false),
        None => (UNKNOWN, false),
    }
}

fn of_request(name: &[u8], dialect: Dialect) -> Option<Slot> {
    Some(match name {
        b"input" if dialect == Dialect::Embeddings => slot(Form::Free, User),
        b"input" if dialect == Dialect::Converse => TOP, // CountTokens wraps the request
        b"converse" | b"request" | b"generateContentRequest" => TOP,
        b"messages" | b"contents" | b"input" => MESSAGES,
        b"instructions" | b"system" | b"systemInstruction" | b"system_instruction" => slot(Form::Node, System),
        b"content" | b"prediction" => slot(Form::Node, User),
        b"prompt" | b"suffix" | b"promptVariables" | b"title" => slot(Form::Free, User),
        b"tools" | b"functions" | b"toolConfig" | b"tool_config" | b"mcp_servers" => slot(Form::Schema, Tools),
        b"metadata" | b"client_metadata" | b"requestMetadata" | b"labels" | b"user" | b"safety_identifier"
        | b"prompt_cache_key" => slot(Form::Free, Metadata),
        b"model" | b"previous_response_id" | b"conversation" | b"cachedContent" | b"cached_content" | b"container" => {
            Slot { says: Says::Id, ..slot(Form::Free, Other) }
        }
        b"text"
        | b"response_format"
        | b"reasoning"
        | b"thinking"
        | b"output_config"
        | b"output_format"
        | b"outputConfig"
        | b"generationConfig"
        | b"generation_config"
        | b"inferenceConfig"
        | b"tool_choice"
        | b"function_call"
        | b"stream_options"
        | b"include"
        | b"stop"
        | b"stop_sequences"
        | b"modalities"
        | b"audio"
        | b"context_management"
        | b"cache_control"
        | b"safetySettings"
        | b"safety_settings"
        | b"guardrailConfig"
        | b"serviceTier"
        | b"performanceConfig"
        | b"web_search_options" => slot(Form::Schema, Other),
        b"service_tier"
        | b"truncation"
        | b"reasoning_effort"
        | b"verbosity"
        | b"prompt_cache_retention"
        | b"encoding_format"
        | b"taskType"
        | b"anthropic_version" => Slot { says: Says::Word, ..slot(Form::Free, Other) },
        b"stream"
        | b"store"
        | b"background"
        | b"max_tokens"
        | b"max_output_tokens"
        | b"max_completion_tokens"
        | b"max_tool_calls"
        | b"temperature"
        | b"top_p"
        | b"top_k"
        | b"n"
        | b"seed"
        | b"presence_penalty"
        | b"frequency_penalty"
        | b"parallel_tool_calls"
        | b"logprobs"
        | b"top_logprobs"
        | b"logit_bias"
        | b"echo"
        | b"best_of"
        | b"dimensions" => UNKNOWN,
        _ => return None,
    })
}

fn of_node(kind: Kind, name: &[u8]) -> Option<Slot> {
    let says = |says| Slot { form: Form::Node, kind, says };
    Some(match name {
        b"type" => says(Says::Type),
        b"text" | b"content" | b"parts" | b"refusal" | b"name" | b"namespace" | b"title" | b"context" | b"filename"
        | b"url" | b"image_url" | b"video_url" | b"document_url" | b"file_url" | b"fileUri" | b"file_uri" | b"uri"
        | b"source" | b"s3Location" | b"document" | b"image" | b"audio" | b"video" | b"inlineData" | b"inline_data"
        | b"fileData" | b"file" | b"input_audio" | b"displayName" | b"display_name" | b"annotations" | b"citations"
        | b"citationsContent" | b"guardContent" | b"transcript" | b"caption" | b"alt" | b"alt_text"
        | b"description" | b"cited_text" | b"extra_content" | b"google" | b"index" | b"is_error" | b"start_index"
        | b"end_index" => says(Says::Text),
        b"role" => says(Says::Role),
        b"id" | b"call_id" | b"tool_call_id" | b"tool_use_id" | b"toolUseId" | b"item_id" | b"file_id" | b"fileId" => {
            says(Says::Id)
        }
        b"status" | b"phase" | b"detail" | b"execution" | b"ttl" | b"outcome" | b"language" => says(Says::Word),
        b"media_type" | b"mimeType" | b"mime_type" | b"format" => says(Says::MediaType),
        b"data" | b"bytes" | b"file_data" | b"b64_json" => says(Says::Data),
        b"encrypted_content" | b"signature" | b"thoughtSignature" | b"thought_signature" | b"redactedContent"
        | b"encrypted_index" => says(Says::Sealed),
        b"thought" => says(Says::Thought),
        b"arguments" => Slot { says: Says::Arguments, ..slot(Form::Free, Call) },
        b"input" | b"args" | b"partialArgs" | b"action" | b"operation" | b"queries" | b"code" => slot(Form::Free, Call),
        b"tool_calls" | b"function_call" | b"function" | b"custom" | b"toolUse" | b"functionCall" | b"toolCall"
        | b"executableCode" | b"executable_code" => slot(Form::Node, Call),
        b"response" | b"json" | b"outputs" | b"results" | b"logs" | b"stdout" | b"stderr" | b"error" => {
            slot(Form::Free, Result)
        }
        b"output"
        | b"toolResult"
        | b"functionResponse"
        | b"function_response"
        | b"toolResponse"
        | b"searchResult"
        | b"codeExecutionResult"
        | b"code_execution_result" => slot(Form::Node, Result),
        b"result" => Slot { says: Says::Data, ..slot(Form::Node, Result) },
        b"reasoningContent" | b"reasoningText" | b"reasoning_content" | b"reasoning" | b"reasoning_details"
        | b"thinking" | b"summary" => slot(Form::Node, Reasoning),
        b"tools" => slot(Form::Schema, Tools),
        b"cache_control" | b"cachePoint" | b"prompt_cache_breakpoint" => slot(Form::Node, Other),
        _ => return None,
    })
}

fn of_schema(kind: Kind, name: &[u8]) -> Option<Slot> {
    let says = match name {
        b"type" | b"format" | b"syntax" | b"effort" | b"mode" | b"$schema" => Says::Word,
        b"description"
        | b"properties"
        | b"required"
        | b"items"
        | b"enum"
        | b"anyOf"
        | b"allOf"
        | b"oneOf"
        | b"not"
        | b"additionalProperties"
        | b"additional_properties"
        | b"default"
        | b"title"
        | b"const"
        | b"pattern"
        | b"nullable"
        | b"minimum"
        | b"maximum"
        | b"minLength"
        | b"maxLength"
        | b"minItems"
        | b"maxItems"
        | b"$ref"
        | b"$defs"
        | b"definitions"
        | b"definition"
        | b"examples"
        | b"example"
        | b"name"
        | b"parameters"
        | b"parametersJsonSchema"
        | b"input_schema"
        | b"inputSchema"
        | b"json"
        | b"toolSpec"
        | b"function"
        | b"tools"
        | b"strict"
        | b"schema"
        | b"json_schema"
        | b"functionDeclarations"
        | b"function_declarations"
        | b"cache_control"
        | b"summary"
        | b"verbosity" => Says::Text,
        _ => return None,
    };
    Some(Slot { says, ..slot(Form::Schema, kind) })
}

/// What the type of a block says about its text: `None` for those that are the words of their message.
pub(super) fn of_type(name: &[u8]) -> Option<Kind> {
    Some(match name {
        b"message" | b"text" | b"input_text" | b"output_text" | b"refusal" | b"image" | b"image_url"
        | b"input_image" | b"document" | b"document_url" | b"file" | b"file_url" | b"input_file" | b"audio"
        | b"input_audio" | b"video" | b"video_url" | b"base64" | b"url" | b"content" | b"container_upload" => {
            return None;
        }
        b"reasoning" | b"thinking" | b"redacted_thinking" | b"reasoning_text" | b"summary_text" => Reasoning,
        b"function" | b"custom" | b"tool_use" | b"server_tool_use" | b"mcp_tool_use" => Call,
        b"additional_tools" | b"mcp_list_tools" | b"mcp_tool_listing" => Tools,
        _ if name.ends_with(b"_call") => Call,
        _ if name.ends_with(b"_output") || name.ends_with(b"_result") => Result,
        _ if name.starts_with(b"reasoning.") => Reasoning,
        _ => Other,
    })
}

/// What base64 in a block of this type is; `None` where the type does not say.
pub(super) fn payload_of_type(name: &[u8]) -> Option<Kind> {
    Some(match name {
        b"base64" | b"image_generation_call" => Media,
        b"redacted_thinking" | b"reasoning.encrypted" => Sealed,
        _ => return None,
    })
}

/// Whose words a message of this role holds.
pub(super) fn of_role(name: &[u8]) -> Kind {
    match name {
        b"system" => System,
        b"developer" => Developer,
        b"user" => User,
        b"assistant" | b"model" => Assistant,
        b"tool" | b"function" => Result,
        _ => Other,
    }
}

/// Whether a value of this member is an enum's word, if it looks like one.
pub(super) fn may_be_word(says: Says) -> bool {
    matches!(says, Says::Type | Says::Role | Says::Word | Says::MediaType)
}
