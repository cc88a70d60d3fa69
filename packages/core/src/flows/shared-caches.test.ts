import { describe, expect, it } from 'vitest'
import { sharedCacheHeaders } from './shared-caches.ts'

describe('sharedCacheHeaders', () => {
  it.each([
    [undefined, 'no-store'],
    ['', 'no-store'],
    ['public, max-age=600', 'no-store'],
    ['s-maxage=600', 'no-store'],
    ['no-cache', 'no-store'],
    ['private="set-cookie", max-age=600', 'no-store'],
    ['extension="a, private, no-store"', 'no-store'],
    ['privately', 'no-store'],
    [['public', 'max-age=600'], 'no-store'],
    ['private, max-age=600', undefined],
    ['max-age=600,PRIVATE', undefined],
    ['No-Store', undefined],
    [['max-age=600', 'private'], undefined],
  ])('case 32: Cache-Control %j becomes %j (RFC 9111 §5.2.2)', (written, expected) => {
    expect(sharedCacheHeaders({ 'cache-control': written })['cache-control']).toBe(expected)
  })

  it.each([
    [undefined, 'Cookie'],
    ['', 'Cookie'],
    ['Accept-Encoding', 'Accept-Encoding, Cookie'],
    [['Accept', 'Origin'], 'Accept, Origin, Cookie'],
    ['Cookies', 'Cookies, Cookie'],
    ['accept, cookie', 'accept, cookie'],
    ['*', '*'],
  ])('case 32: Vary %j becomes %j (RFC 9110 §12.5.5)', (written, expected) => {
    expect(sharedCacheHeaders({ vary: written }).vary).toBe(expected)
  })

  it('case 32: what speaks to CDNs alone is replaced where it was sent (RFC 9213 §3)', () => {
    const written = {
      'cache-control': 'private',
      'cdn-cache-control': 'max-age=600',
      'surrogate-control': 'max-age=600',
      'other-cdn-cache-control': 'private',
      'content-length': 12,
    }
    expect(sharedCacheHeaders(written)).toEqual({
      'cdn-cache-control': 'no-store',
      'surrogate-control': 'no-store',
      vary: 'Cookie',
    })
  })
})
