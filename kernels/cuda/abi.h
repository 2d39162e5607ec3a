/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What passes between the program and its CUDA plug-in: plain C, so that the plug-in needs neither ATen nor the
 * program's compiler. Pointers are device pointers; strides count elements, and the last dimension of every tensor is
 * dense. */
#pragma once

#include <stdint.h>

#define INTERLEAVE_CUDA_ABI_VERSION 2
#define INTERLEAVE_CUDA_MAX_DK 128

/* A [batch, tokens, heads, width] tensor in fp32 or bf16 (whichever the call says). */
typedef struct InterleaveTensor {
  void* data;
  int64_t batch_stride, token_stride, head_stride;
} InterleaveTensor;

/* The gated delta rule over `sequences` sequences: `tokens` each, one a batch row, or, where `offsets` is not null,
 * packed into the only row from offsets[n] to offsets[n + 1]. */
typedef struct InterleaveDeltaRule {
  InterleaveTensor q, k, v, out;
  const float *g, *beta;  /* [batch, tokens, heads], dense */
  float* state;           /* [sequences, heads, dk, dv], dense; from the initial to the final state */
  const int64_t* offsets; /* [sequences + 1] on the device, or null */
  int64_t sequences, tokens, heads, dk, dv;
  float scale;
  int32_t l2_normalise, bf16;
  void* stream; /* cudaStream_t */
} InterleaveDeltaRule;

/* Each returns null, or what went wrong, as text that lives as long as the plug-in. */
typedef const char* (*InterleaveDeltaRuleFunction)(const InterleaveDeltaRule*);

/* Symbols of the plug-in: int interleaveCudaAbiVersion(void); int interleaveDeltaRuleFits(int64_t dk), whether the
 * current device has code and shared memory for it; and as InterleaveDeltaRuleFunction interleaveDeltaRuleForward and
 * interleaveDeltaRuleStep (tokens = 1). */
