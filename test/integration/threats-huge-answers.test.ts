import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type AuthorizationServerBehaviour, UserAgent } from '@latchkey/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { startServers } from './harness.fixture.ts'
import { authorizationResponse } from './login-steps.fixture.ts'

const megabyte = 1024 * 1024
const children: ChildProcess[] = []

afterEach(() => {
  for (const child of children.splice(0)) child.kill()
})

/** The app in a process of its own, and how much memory it takes. */
async function startMeasuredApp(issuer: string) {
  const child = fork(fileURLToPath(new URL('./measured-app.fixture.ts', import.meta.url)), {
    execArgv: ['--conditions=@latchkey/source', '--disable-warning=ExperimentalWarning'],
  })
  children.push(child)
  const ask = async (message: string): Promise<unknown> => {
    const answer = once(child, 'message')
    child.send(message)
    const [value] = await answer
    return value
  }
  const origin = String(await ask(issuer))
  return { origin, highestRss: async () => Number(await ask('rss')) }
}

type Endpoint = 'token' | 'jwks' | 'discovery' | 'userinfo'

/** Two encrypted tokens: one that would be inflated, one that would be hashed a billion times. */
function encrypted(header: object): string {
  const part = (value: object | string): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  return [part(header), part('key'), part('iv'), part('x'.repeat(1_000)), part('tag')].join('.')
}

const explosions: readonly (readonly [
  name: string,
  Endpoint,
  AuthorizationServerBehaviour,
  status: number,
])[] = [
  ['a discovery document of 1 GB', 'discovery', { hugeBytes: 1024 * megabyte }, 503],
  ['a token answer of 1 GB', 'token', { hugeBytes: 1024 * megabyte }, 503],
  ['a gzip of 10 GB as token answer', 'token', { gzipBombBytes: 10_240 * megabyte }, 503],
  ['a gzip of 200 MB in 200 KB as token answer', 'token', { gzipBombBytes: 200 * megabyte }, 503],
  [
    'a token answer encoded twice',
    'token',
    { gzipBombBytes: megabyte, headers: { 'content-encoding': 'gzip, gzip' } },
    503,
  ],
  ['an ID token of 1 MB', 'token', { fields: { id_token: `a.${'b'.repeat(megabyte)}.c` } }, 503],
  ['an ID token of 100 KB', 'token', { fields: { id_token: `a.${'b'.repeat(100_000)}.c` } }, 400],
  [
    'an encrypted ID token with zip',
    'token',
    { idToken: () => encrypted({ alg: 'dir', enc: 'A256GCM', zip: 'DEF' }) },
    400,
  ],
  [
    'an encrypted ID token with a huge p2c',
    'token',
    { idToken: () => encrypted({ alg: 'PBES2-HS256+A128KW', enc: 'A256GCM', p2c: 1e9, p2s: 'c2FsdA' }) },
    400,
  ],
  ['a key set of 50 MB', 'jwks', { hugeBytes: 50 * megabyte }, 503],
  ['a gzip of 10 GB as key set', 'jwks', { gzipBombBytes: 10_240 * megabyte }, 503],
  [
    '100,000 keys',
    'jwks',
    { body: { keys: Array.from({ length: 100_000 }, (_, kid) => ({ kty: 'RSA', kid })) } },
    503,
  ],
  [
    '10,000 small keys',
    'jwks',
    { body: { keys: Array.from({ length: 10_000 }, () => ({ kty: 'RSA' })) } },
    503,
  ],
  ['a user of 1 GB', 'userinfo', { hugeBytes: 1024 * megabyte }, 503],
]

describe('an app that is sent huge and explosive answers', () => {
  it(`case 81: grows by less than 32 MB at each of ${explosions.length}, and then works on`, async () => {
    const { as } = await startServers({ openid: true, server: { autoApprove: 'user-ada' } })
    const { origin, highestRss } = await startMeasuredApp(as.issuer)
    as.registerRedirectUri(`${origin}/callback/example`)
    const signIn = async (endpoint: Endpoint): Promise<number> => {
      const [browser, loginUrl] = [new UserAgent(), `${origin}/login/example`]
      if (endpoint === 'discovery') return (await browser.get(loginUrl, { redirect: 'manual' })).status
      const { callbackUrl } = await authorizationResponse(browser, loginUrl)
      return (await browser.get(callbackUrl, { redirect: 'manual' })).status
    }
    for (const [name, endpoint, fault, status] of explosions) {
      // What a first failure loads and compiles is no answer's fault.
      as.faults.next(endpoint, 3, { status: 500, body: '{}' })
      for (let turn = 0; turn < 3; turn += 1) expect(await signIn(endpoint), name).toBe(503)
      await highestRss()
      const before = await highestRss()
      as.faults.always(endpoint, fault)
      for (let turn = 0; turn < 2; turn += 1) expect(await signIn(endpoint), name).toBe(status)
      const growth = ((await highestRss()) - before) / megabyte
      console.log(`case 81: ${name}: ${growth.toFixed(1)} MB more resident memory`)
      expect(growth, name).toBeLessThan(32)
      as.faults.clear()
    }
    expect(await signIn('token')).toBe(303)
  })
})
