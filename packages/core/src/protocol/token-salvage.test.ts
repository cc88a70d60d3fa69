import { inspect } from 'node:util'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { type Answer, rejection } from './fake-server.fixture.ts'
import { clientFixture } from './protocol-client.fixture.ts'
import { oauthProvider, tokenSet } from './provider.fixture.ts'
import { good } from './token-answer.fixture.ts'

const form = 'access_token=at2&refresh_token=rt2&token_type=Bearer'
const formType = { 'content-type': 'application/x-www-form-urlencoded' }
const encoded = (coding: string): { readonly 'content-encoding': string } => ({ 'content-encoding': coding })

async function refresh(answer: Answer) {
  return clientFixture(oauthProvider(), answer).client.refresh(tokenSet(), { deadlineMs: 10_000 })
}

describe('A 2xx answer that the transport gives up', () => {
  it.each<[string, Answer]>([
    ['a plain body labelled gzip', { body: good, headers: encoded('gzip') }],
    ['a plain body labelled br', { body: good, headers: encoded('br') }],
    ['a plain body labelled zstd', { body: good, headers: encoded('zstd') }],
    ['a plain body labelled twice', { body: good, headers: encoded('gzip, identity') }],
    ['a gzip body labelled twice', { body: gzipSync(good), headers: encoded('gzip, identity') }],
    ['a form labelled gzip', { body: form, headers: { ...formType, ...encoded('gzip') } }],
    ['a body cut before its end', { body: good, cutAfter: good.length - 1 }],
    ['a gzip body without its trailer', { body: gzipSync(good).subarray(0, -8), headers: encoded('gzip') }],
    [
      'a deflate body cut before its end',
      { body: deflateSync(good).subarray(0, -4), headers: encoded('deflate') },
    ],
    [
      'a br body cut before its end',
      { body: brotliCompressSync(good).subarray(0, -1), headers: encoded('br') },
    ],
    ['a form cut after the token', { body: form, headers: formType, cutAfter: form.length - 1 }],
    ['a body above the cap', { body: good + ' '.repeat(300_000) }],
    [
      'a body above the cap once decompressed',
      { body: gzipSync(good + ' '.repeat(300_000)), headers: encoded('gzip') },
    ],
    ['a Content-Length above the cap', { body: good, headers: { 'content-length': '300000' } }],
  ])('is searched for its refresh token: %s', async (_name, answer) => {
    const saved = { kind: 'retry', reason: 'garbage', outcome: 'unknown', refreshToken: 'rt2' }
    expect(await refresh(answer)).toEqual(saved)
  })

  it.each<[string, Answer]>([
    ['a cut token', { body: good, cutAfter: good.indexOf('rt2') + 2 }],
    ['a cut token of a form', { body: form, headers: formType, cutAfter: form.indexOf('rt2') + 2 }],
    ['another status', { body: good, status: 500, headers: encoded('gzip') }],
    ['the token that was sent', { body: good.replace('rt2', 'refresh-token-1'), headers: encoded('gzip') }],
    ['nothing', { body: '', cutAfter: 0 }],
  ])('saves nothing of %s', async (_name, answer) => {
    expect(await refresh(answer)).not.toHaveProperty('refreshToken')
  })
})

describe('TransportError', () => {
  it('shows nothing of the answer that it holds', async () => {
    const { server } = clientFixture(oauthProvider(), { body: good, cutAfter: 60 })
    const request = { method: 'POST', url: 'https://as.example/token', headers: {} } as const
    const limits = { deadlineMs: 10, maxBytes: 1000, keepReceived: true }
    const error = await rejection(server.transport.send({ ...request, ...limits }))
    expect(error).toHaveProperty('received.status', 200)
    expect(
      inspect(error, { showHidden: true, getters: true, depth: 9 }) + JSON.stringify(error),
    ).not.toContain('at2')
  })
})
