//! How far a request can go: what it can cost at most, said by its bytes.

use pyo3::prelude::*;

use crate::needles::Needles;

const PICO_PER_NANO: i128 = 1000;
/// No answer is as long; a limit beyond it is one of this many tokens.
const MOST_TOKENS: i64 = 1 << 32;

/// A limit as the client wrote it, however large.
pub fn tokens(asked: &Bound<'_, PyAny>) -> i64 {
    asked.extract().unwrap_or(MOST_TOKENS).min(MOST_TOKENS)
}

#[pyclass(frozen, module = "gateway._native")]
pub struct Reach {
    #[pyo3(get)]
    prompt_tokens: i64,
    #[pyo3(get)]
    pub output_tokens: i64,
    #[pyo3(get)]
    is_clients: bool,
    #[pyo3(get)]
    pub is_known: bool,
    #[pyo3(get)]
    choices: i64,
    #[pyo3(get)]
    service_tier: String,
    #[pyo3(get)]
    searches: i64,
    #[pyo3(get)]
    pub is_odd: bool,
    #[pyo3(get)]
    pub text_nusd: i64,
}

#[pymethods]
impl Reach {
    /// Of a request that is more than text, from what its bytes said as text.
    fn widened(&self, prompt_tokens: i64, choices: i64, service_tier: String, searches: i64) -> Self {
        Self { prompt_tokens, choices, service_tier, searches, ..*self }
    }

    fn most_output(&self, limit: i64) -> i64 {
        let each = if limit == 0 { self.output_tokens } else { limit };
        each.saturating_mul(self.choices)
    }
}

#[pyclass(frozen, module = "gateway._native")]
pub struct TextReach {
    odd: Py<Needles>,
    rates_pusd: (i64, i64),
    long_rates_pusd: (i64, i64),
    long_above_tokens: i64,
    request_nusd: i64,
    template_tokens: i64,
    window_tokens: i64,
    most_output_tokens: i64,
    unknown_output_tokens: i64,
}

impl TextReach {
    fn nusd(&self, prompt_tokens: i64, output_tokens: i64) -> i64 {
        let is_long = prompt_tokens > self.long_above_tokens;
        let (input_pusd, output_pusd) = if is_long { self.long_rates_pusd } else { self.rates_pusd };
        let pico =
            i128::from(prompt_tokens) * i128::from(input_pusd) + i128::from(output_tokens) * i128::from(output_pusd);
        let nano = (pico + PICO_PER_NANO - 1) / PICO_PER_NANO + i128::from(self.request_nusd);
        i64::try_from(nano).unwrap_or(i64::MAX)
    }
}

#[pymethods]
impl TextReach {
    #[new]
    #[pyo3(signature = (odd, *, rates_pusd, long_rates_pusd, long_above_tokens, request_nusd, template_tokens, window_tokens, most_output_tokens, unknown_output_tokens))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn new(
        odd: Py<Needles>,
        rates_pusd: (i64, i64),
        long_rates_pusd: (i64, i64),
        long_above_tokens: i64,
        request_nusd: i64,
        template_tokens: i64,
        window_tokens: i64,
        most_output_tokens: i64,
        unknown_output_tokens: i64,
    ) -> Self {
        Self {
            odd,
            rates_pusd,
            long_rates_pusd,
            long_above_tokens,
            request_nusd,
            template_tokens,
            window_tokens,
            most_output_tokens,
            unknown_output_tokens,
        }
    }

    #[pyo3(name = "of")]
    fn of_any(&self, body: &[u8], asked: &Bound<'_, PyAny>, has_output: bool) -> Reach {
        self.of(body, tokens(asked), has_output)
    }
}

impl TextReach {
    pub fn of(&self, body: &[u8], asked: i64, has_output: bool) -> Reach {
        let size = i64::try_from(body.len()).unwrap_or(i64::MAX).saturating_add(self.template_tokens);
        let prompt_tokens = if self.window_tokens > 0 { size.min(self.window_tokens) } else { size };
        let most = self.most_output_tokens;
        let (output_tokens, is_clients, is_known) = match (has_output, asked > 0, most > 0) {
            (false, _, _) => (0, true, true),
            (true, true, true) => (asked.min(most), true, true),
            (true, true, false) => (asked, true, true),
            (true, false, true) => (most, false, true),
            (true, false, false) => (self.unknown_output_tokens, false, false),
        };
        Reach {
            prompt_tokens,
            output_tokens,
            is_clients,
            is_known,
            choices: 1,
            service_tier: String::new(),
            searches: 0,
            is_odd: self.odd.get().is_in(body),
            text_nusd: self.nusd(prompt_tokens, output_tokens),
        }
    }
}
