import { describe, expect, it } from 'vitest'
import type { TokenSet } from '../protocol/token.ts'
import { assess } from './token-set.ts'

const now = 1_000_000

function tokens(
  lifetimeSeconds: number | undefined,
  ageSeconds: number,
  refreshToken: string | null = 'refresh',
): TokenSet {
  const receivedAt = now - ageSeconds
  return {
    accessToken: 'access',
    tokenType: 'Bearer',
    scope: [],
    receivedAt,
    ...(lifetimeSeconds === undefined ? {} : { expiresAt: receivedAt + lifetimeSeconds }),
    ...(refreshToken === null ? {} : { refreshToken }),
  }
}

const verdict = (
  set: TokenSet,
  need: { minTtlSeconds?: number; rejectedToken?: string } = {},
  jitter = 1,
): string =>
  assess(set, { minTtlSeconds: 0, ...need }, now, { canRefresh: set.refreshToken !== undefined, jitter })

describe('assess', () => {
  it('uses a token until 5 seconds before its end, a short-lived one until a sixth of its life', () => {
    expect(verdict(tokens(3_600, 3_594))).toBe('use_and_refresh_ahead')
    expect(verdict(tokens(3_600, 3_596))).toBe('refresh')
    expect(verdict(tokens(24, 19.9))).toBe('use_and_refresh_ahead')
    expect(verdict(tokens(24, 20.1))).toBe('refresh')
  })

  it('begins to refresh ahead 60 seconds before the end, at most in the last third, jittered', () => {
    expect(verdict(tokens(3_600, 3_539))).toBe('use')
    expect(verdict(tokens(3_600, 3_541))).toBe('use_and_refresh_ahead')
    expect(verdict(tokens(3_600, 3_541), {}, 0.8)).toBe('use')
    expect(verdict(tokens(60, 39))).toBe('use')
    expect(verdict(tokens(60, 41))).toBe('use_and_refresh_ahead')
  })

  it('case 82: leaves a token set younger than 10 seconds alone until it expires, whatever is asked for', () => {
    for (const lifetime of [10, 3_600]) {
      expect(verdict(tokens(lifetime, 9.9), { minTtlSeconds: 100_000 })).toBe('use_as_it_is')
      expect(verdict(tokens(lifetime, 9.9), { rejectedToken: 'access' })).toBe('use_as_it_is')
    }
    expect(verdict(tokens(1, 0.9), { minTtlSeconds: 100_000 })).toBe('use_as_it_is')
    expect(verdict(tokens(1, 1))).toBe('refresh')
    expect(verdict(tokens(1, 1), { rejectedToken: 'access' })).toBe('use_as_it_is')
  })

  it('case 82: uses a token of unknown expiry until a resource server refuses it', () => {
    expect(verdict(tokens(undefined, 10 ** 9))).toBe('use')
    expect(verdict(tokens(undefined, 10 ** 9), { rejectedToken: 'access' })).toBe('refresh')
    expect(verdict(tokens(undefined, 10 ** 9), { rejectedToken: 'another' })).toBe('use')
  })

  it('hands out what is left when there is no refresh token, and then says that it is over', () => {
    expect(verdict(tokens(3_600, 3_598, null))).toBe('use_as_it_is')
    expect(verdict(tokens(3_600, 3_601, null))).toBe('dead')
    expect(verdict(tokens(3_600, 60, null), { rejectedToken: 'access' })).toBe('use_as_it_is')
  })

  it('case 83: a clock that was set back makes no token immortal', () => {
    const fromTheFuture = tokens(3_600, -3_600)
    expect(verdict(fromTheFuture, { rejectedToken: 'access' })).toBe('refresh')
  })
})
