import { describe, expect, it } from 'vitest'
import { refreshTokenExpiry } from './refresh-token-expiry.ts'

const seconds = (text: string): number => Date.parse(text) / 1000
const provider = { refreshTokenLifetime: { months: 6 } }
const tokens = { refreshToken: 'rt' }

describe('refreshTokenExpiry', () => {
  it.each([
    ['2026-01-15T10:20:30Z', '2026-07-15T10:20:30Z'],
    ['2026-08-31T23:59:59Z', '2027-02-28T23:59:59Z'],
    ['2027-08-31T00:00:00Z', '2028-02-29T00:00:00Z'],
    ['2026-12-31T12:00:00Z', '2027-06-30T12:00:00Z'],
    ['2026-07-01T00:00:00Z', '2027-01-01T00:00:00Z'],
  ])('counts six calendar months from %s to %s', (from, to) => {
    expect(refreshTokenExpiry(provider, tokens, seconds(from))).toBe(seconds(to))
  })

  it('counts days where the server does', () => {
    const year = { refreshTokenLifetime: { days: 365 } }
    expect(refreshTokenExpiry(year, tokens, seconds('2027-06-01T00:00:00Z'))).toBe(
      seconds('2028-05-31T00:00:00Z'),
    )
  })

  it('takes the earlier of policy and the server’s word', () => {
    const authorizedAt = seconds('2026-01-15T00:00:00Z')
    const policy = seconds('2026-07-15T00:00:00Z')
    const expiry = (refreshTokenExpiresAt: number): number | undefined =>
      refreshTokenExpiry(provider, { ...tokens, refreshTokenExpiresAt }, authorizedAt)
    expect(expiry(policy - 1)).toBe(policy - 1)
    expect(expiry(policy + 1)).toBe(policy)
    expect(refreshTokenExpiry({}, { ...tokens, refreshTokenExpiresAt: 7 }, authorizedAt)).toBe(7)
  })

  it('knows nothing without policy, word or refresh token', () => {
    expect(refreshTokenExpiry({}, tokens, 0)).toBeUndefined()
    expect(refreshTokenExpiry(provider, {}, 0)).toBeUndefined()
  })
})
