/* The functions of a mathematical library that LLVM calls for sigmoid, softmax, softplus and GELU, so that a
 * library needs none. Hidden: the process's own are never replaced. Errors: expf and logf 2e-7 relative (logf
 * absolute near 1), erff 5e-7 absolute (1.5e-7 of the formula, the rest rounding). */

#include <stdint.h>

#define HIDDEN __attribute__((visibility("hidden")))

static const float LN2_HIGH = 0.693359375f, LN2_LOW = -2.12194440e-4f; /* ln 2 in two parts, the first exact */

union bits {
  float value;
  uint32_t word;
};

static float power_of_two(int exponent) { return (union bits){.word = (uint32_t)(exponent + 127) << 23}.value; }

/* e^x = 2^n e^r with |r| <= ln(2) / 2, and Taylor's series for e^r. */
HIDDEN float expf(float x) {
  if (x > 88.7228394f) return __builtin_inff();
  if (x < -103.972084f) return 0.0f;
  if (x != x) return x;
  const float scaled = x * 1.44269504f;
  const int n = (int)(scaled + (scaled < 0 ? -0.5f : 0.5f));
  const float r = (x - (float)n * LN2_HIGH) - (float)n * LN2_LOW;
  float sum = 1.0f / 5040;
  const float coefficients[] = {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f};
  for (int i = 0; i < 7; ++i) sum = sum * r + coefficients[i];
  /* In two steps: 2^n alone may be out of range. */
  return sum * power_of_two(n / 2) * power_of_two(n - n / 2);
}

/* ln(2^e m) = e ln 2 + 2 atanh((m - 1) / (m + 1)), with m near 1. */
HIDDEN float logf(float x) {
  if (x != x || x == __builtin_inff()) return x;
  if (x <= 0.0f) return x == 0.0f ? -__builtin_inff() : __builtin_nanf("");
  int exponent = 0;
  if (x < 1.17549435e-38f) {
    x *= 8388608.0f;
    exponent = -23;
  }
  union bits mantissa = {.value = x};
  exponent += (int)(mantissa.word >> 23) - 127;
  mantissa.word = (mantissa.word & 0x007fffff) | 0x3f800000;
  if (mantissa.value > 1.41421356f) {
    mantissa.value *= 0.5f;
    ++exponent;
  }
  const float s = (mantissa.value - 1.0f) / (mantissa.value + 1.0f), square = s * s;
  const float series = s * square * (1.0f / 3 + square * (1.0f / 5 + square * (1.0f / 7 + square / 9)));
  return (float)exponent * LN2_HIGH + ((float)exponent * LN2_LOW + 2.0f * (s + series));
}

/* Abramowitz and Stegun, 7.1.26. */
HIDDEN float erff(float x) {
  const float size = x < 0 ? -x : x;
  const float t = 1.0f / (1.0f + 0.3275911f * size);
  const float p = t * (0.254829592f + t * (-0.284496736f + t * (1.421413741f + t * (-1.453152027f + t * 1.061405429f))));
  const float result = 1.0f - p * expf(-size * size);
  return x < 0 ? -result : result;
}
