import { describe, expect, it } from 'vitest'
import { rateLimitOf } from './rate-limit.ts'

const clock = { now: () => 1_800_000_000, after: () => () => {} }

describe('rateLimitOf', () => {
  it.each([
    ['seconds since the epoch', '1800000060'],
    ['milliseconds since the epoch', '1800000060000'],
    ['seconds from now', '60'],
  ])('reads the headers of fetch and of request, reset in %s', (_unit, reset) => {
    const headers = { 'x-ratelimit-limit': '200', 'x-ratelimit-remaining': '198', 'x-ratelimit-used': '2' }
    const all = { ...headers, 'x-ratelimit-reset': reset }
    const read = { limit: 200, remaining: 198, used: 2, resetAt: 1_800_000_060 }
    expect(rateLimitOf(new Response(null, { headers: all }), { clock })).toEqual(read)
    expect(rateLimitOf({ headers: all }, { clock })).toEqual(read)
  })

  it('leaves out what the API does not say, or says in words', () => {
    const headers = { 'x-ratelimit-limit': 'many', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '-1' }
    expect(rateLimitOf({ headers })).toEqual({ remaining: 0 })
    expect(rateLimitOf({ headers: { 'x-ratelimit-limit': ['1', '2'] } })).toBeUndefined()
    expect(rateLimitOf(new Response())).toBeUndefined()
  })
})
