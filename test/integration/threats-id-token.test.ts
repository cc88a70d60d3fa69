import { oidc } from '@latchkey/express'
import {
  type Claims,
  type IdTokenBuilder,
  type IdTokenChanges,
  startAuthorizationServer,
  type UserAgent,
} from '@latchkey/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Harness, startHarness } from './harness.fixture.ts'
import { authorizationResponse, expectRefused, reasons, whoami } from './login-steps.fixture.ts'
import { publicOrigin, startTwoProcesses } from './two-processes.fixture.ts'

type MakeIdToken = (build: IdTokenBuilder) => string

describe('case 9: nonce', () => {
  const loginUrl = `${publicOrigin}/login/example`
  const rows: readonly {
    readonly title: string
    readonly nonce: (own: string, open: string, expired: string) => unknown
  }[] = [
    { title: 'missing', nonce: () => undefined },
    { title: 'empty', nonce: () => '' },
    { title: 'null', nonce: () => null },
    { title: 'wrong', nonce: () => 'wrong' },
    { title: 'the right one in an array', nonce: (own) => [own] },
    { title: 'the right one among others', nonce: (own) => [own, 'wrong'] },
    { title: 'the right one with another letter case', nonce: (own) => own.toLowerCase() },
    { title: 'the beginning of the right one', nonce: (own) => own.slice(0, -1) },
    { title: 'longer than the right one', nonce: (own) => `${own}A` },
    { title: 'that of another open login', nonce: (_own, open) => open },
    { title: 'that of an expired login', nonce: (_own, _open, expired) => expired },
  ]

  it.each(rows)(
    'case 9: an ID token whose nonce is $title signs nobody in, and its tokens are not kept',
    async ({ nonce }) => {
      const app = await startTwoProcesses({ openid: true })
      const { p1, p2 } = app.newBrowser()
      const nonceOf = async (): Promise<string> => {
        const { authorizationUrl } = await authorizationResponse(p1, loginUrl)
        return authorizationUrl.searchParams.get('nonce') ?? ''
      }
      const expired = await nonceOf()
      await app.clock.advance(601)
      const open = await nonceOf()
      app.as.policy.idToken = (build) =>
        build.sign({ claims: { nonce: nonce(String(build.claims.nonce), open, expired) } })
      expectRefused(await p2.get(loginUrl))
      expect(reasons(...app.processes)).toEqual(['id_token_nonce'])
      expect(app.commands).toEqual(['usedMarkers.take'])
      expect([app.as.calls.token, app.as.calls.userinfo]).toEqual([1, 0])
      app.as.policy.idToken = undefined
      await p2.get(loginUrl)
      expect(await whoami(p1, publicOrigin)).toBe('user-ada')
    },
  )
})

describe('case 10: ID-token matrix', () => {
  const now = (): number => Math.floor(Date.now() / 1000)
  const signed =
    (changes: IdTokenChanges): MakeIdToken =>
    (build) =>
      build.sign(changes)
  const claim = (name: string, values: readonly unknown[]): readonly (readonly [string, MakeIdToken])[] =>
    values.map((value) => [`${name}: ${JSON.stringify(value)}`, signed({ claims: { [name]: value } })])
  const header = (changes: Claims): readonly (readonly [string, MakeIdToken])[] => [
    [`header ${JSON.stringify(changes).slice(0, 60)}`, signed({ header: changes })],
  ]

  /** Every wrong ID token; `evil` is an origin that a header may try to have keys fetched from. */
  function variants(evil: string): readonly (readonly [string, MakeIdToken])[] {
    return [
      ...claim('iss', [undefined, '', null, 7, ['https://as.example'], 'https://evil.example']),
      ['iss with a slash', (build) => build.sign({ claims: { iss: `${build.claims.iss}/` } })],
      [
        'iss in upper case',
        (build) => build.sign({ claims: { iss: String(build.claims.iss).toUpperCase() } }),
      ],
      ['iss in a list', (build) => build.sign({ claims: { iss: [build.claims.iss] } })],
      ...claim('aud', [
        undefined,
        '',
        null,
        7,
        [],
        {},
        'other-client',
        ['other-client'],
        'example-client2',
        'EXAMPLE-CLIENT',
      ]),
      ...claim('aud', [
        ['example-client', 'other-client'],
        ['example-client', 7],
      ]),
      ['aud twice, azp of another', signed({ claims: { aud: ['example-client', 'b'], azp: 'b' } })],
      ...claim('azp', ['', 'other-client', ['example-client'], null, 7]),
      ...claim('sub', [undefined, '', null, 7, ['user-ada'], {}, 'x'.repeat(256)]),
      ...claim('iat', [undefined, null, 'now', String(now()), [now()], now() + 3_600]),
      ...claim('exp', [undefined, null, 'later', String(now() + 60), 0, -1, now() - 31, now() - 3_600]),
      ['exp before iat', signed({ claims: { iat: now() + 20, exp: now() + 10 } })],
      ['expired beyond the tolerance', signed({ claims: { iat: now() - 3_600, exp: now() - 31 } })],
      ['not valid yet, beyond the tolerance', signed({ claims: { nbf: now() + 120 } })],
      ...claim('nbf', [now() + 3_600, 'soon', null]),
      ...claim('at_hash', ['', 'AAAAAAAAAAAAAAAAAAAAAA', null, 7, []]),
      ['alg none', (build) => build.unsecured()],
      ['alg None', (build) => build.unsecured({ header: { alg: 'None' } })],
      ['alg none over a real signature', (build) => withHeader(build.sign(), { alg: 'none' })],
      ['alg missing', (build) => build.unsecured({ header: { alg: undefined } })],
      ['no signature', (build) => build.sign().replace(/[^.]+$/, '')],
      ['HS256 with the client secret', (build) => build.hs256('client-secret')],
      ['HS256 with the public key', (build) => build.hs256('public-key')],
      ['HS256 with an empty secret', (build) => build.hs256({ secret: '' })],
      ['RS512 over an RS256 signature', (build) => withHeader(build.sign(), { alg: 'RS512' })],
      ...['PS256', 'ES256', 'EdDSA', 'HS512', 'rs256', '', 'RS1', 'RSA-OAEP'].flatMap((alg) =>
        header({ alg }),
      ),
      ['a broken signature', (build) => build.brokenSignature()],
      [
        'a signature of other claims',
        (build) => spliced(build.sign(), build.sign({ claims: { sub: 'user-eve' } })),
      ],
      ...header({ kid: 'unknown' }),
      ...header({ kid: '' }),
      ...header({ kid: 7 }),
      ...header({ kid: '../../dev/null' }),
      ...header({ kid: 'unknown', jku: `${evil}/jku` }),
      ...header({ kid: 'unknown', x5u: `${evil}/x5u` }),
      ...header({ kid: 'unknown', jwk: { kty: 'oct', k: 'AAAA' } }),
      ...header({ crit: ['b64'], b64: false }),
      ...header({ crit: ['exp'] }),
      ...header({ crit: [] }),
      ...['logout+jwt', 'at+jwt', 'LOGOUT+JWT', 'application/at+jwt', 7, ['JWT']].flatMap((typ) =>
        header({ typ }),
      ),
      ['missing', () => ''],
      ['no JWT', () => 'id-token'],
      ['two parts', (build) => build.sign().split('.').slice(0, 2).join('.')],
      ['four parts', (build) => `${build.sign()}.x`],
      ['five parts, as an encrypted token', (build) => `${build.sign()}.x.y`],
      ['a payload that is a list', (build) => withPayload(build.sign(), '[]')],
      ['a payload that is no JSON', (build) => withPayload(build.sign(), 'claims')],
      ['more than 64 KB', signed({ claims: { filler: 'x'.repeat(70_000) } })],
    ]
  }

  it('case 10: no wrong ID token of the matrix signs anybody in, and no header makes us fetch', async () => {
    const harness = await startHarness({ openid: true, server: { autoApprove: 'user-ada' } })
    const { origin, as, evil } = harness
    const matrix = variants(evil.origin)
    for (const [title, idToken] of matrix) {
      as.policy.idToken = idToken
      const browser = harness.newBrowser()
      const page = await browser.get(`${origin}/login/example`)
      expect([title, page.status]).toEqual([title, 400])
      expectRefused(page)
      expect([title, await whoami(browser, origin)]).toEqual([title, null])
    }
    expect(reasons(harness)).toHaveLength(matrix.length)
    for (const reason of reasons(harness)) expect(reason).toMatch(/^id_token_/)
    expect([as.calls.userinfo, evil.connections, evil.bytes]).toEqual([0, 0, 0])
    console.info(`case 10: ${matrix.length} wrong ID tokens, 0 accepted, 0 bytes at a foreign origin`)
    expect(matrix.length).toBeGreaterThanOrEqual(60)
  })

  it('case 10: a signature by a key that only the header names is refused', async () => {
    const harness = await startHarness({ openid: true, server: { autoApprove: 'user-ada' } })
    const { browser, origin, as, evil } = harness
    const stranger = await startAuthorizationServer({ clients: [], oidc: true })
    onTestFinished(() => stranger.close())
    const [jwk] = stranger.keys.jwks().keys
    for (const named of [
      { jwk },
      { jku: evil.origin },
      { jku: stranger.endpoints.jwks },
      { kid: stranger.keys.kid },
    ]) {
      as.policy.idToken = (build) =>
        stranger.keys.signRs256({ ...build.header, ...named } as Claims, build.claims) // no field of it is undefined
      expectRefused(await browser.get(`${origin}/login/example`))
    }
    expect([evil.connections, stranger.requests]).toEqual([0, []])
    expect(await whoami(browser, origin)).toBeNull()
  })

  it.each<{ title: string; changes: () => IdTokenChanges }>([
    { title: 'a list of one audience', changes: () => ({ claims: { aud: ['example-client'] } }) },
    { title: 'azp of ours', changes: () => ({ claims: { azp: 'example-client' } }) },
    {
      title: 'two audiences and azp of ours',
      changes: () => ({ claims: { aud: ['example-client', 'b'], azp: 'example-client' } }),
    },
    { title: 'no kid, with a single key', changes: () => ({ header: { kid: undefined } }) },
    { title: 'no typ', changes: () => ({ header: { typ: undefined } }) },
    { title: 'no at_hash', changes: () => ({ claims: { at_hash: undefined } }) },
    {
      title: 'an expiry within the tolerance',
      changes: () => ({ claims: { iat: now() - 3_600, exp: now() - 20 } }),
    },
  ])('case 10: $title is accepted', async ({ changes }) => {
    const { browser, origin, as } = await startHarness({ openid: true, server: { autoApprove: 'user-ada' } })
    as.policy.idToken = signed(changes())
    await browser.get(`${origin}/login/example`)
    expect(await whoami(browser, origin)).toBe('user-ada')
  })

  it('case 10: a token without kid is refused when the server has several keys', async () => {
    const harness = await startHarness({ openid: true, server: { autoApprove: 'user-ada' } })
    const { browser, origin, as } = harness
    void as.keys.kid // makes the first key
    as.rotateKeys()
    as.policy.idToken = signed({ header: { kid: undefined } })
    expectRefused(await browser.get(`${origin}/login/example`))
    expect(reasons(harness)).toEqual(['id_token_ambiguous_key'])
  })

  it.each(['user-eve', '', null, undefined, ['user-ada']])(
    'case 10: userinfo about %j is refused',
    async (sub) => {
      const harness = await startHarness({ openid: true, server: { autoApprove: 'user-ada' } })
      const { browser, origin, as } = harness
      as.faults.next('userinfo', 1, { fields: { sub } })
      expectRefused(await browser.get(`${origin}/login/example`))
      expect(await whoami(browser, origin)).toBeNull()
      expect(as.calls.token).toBe(1)
    },
  )

  it('case 10: the same sub at two issuers is two users', async () => {
    const client = { clientId: 'c', clientSecret: 'the secret at the other issuer' }
    const clients = [{ ...client, redirectUris: [] }]
    const other = await startAuthorizationServer({ clients, oidc: true, autoApprove: 'user-ada' })
    onTestFinished(() => other.close())
    const harness = await startHarness({
      openid: true,
      server: { autoApprove: 'user-ada' },
      others: [oidc({ id: 'other', issuer: other.issuer, ...client })],
      routes: (app) => app.get('/id', (req, res) => void res.json(req.oauth.userId)),
    })
    other.registerRedirectUri(`${harness.origin}/callback/other`)
    const ids = [await userId(harness, 'example'), await userId(harness, 'other')]
    expect(ids).toEqual(['example:user-ada', 'other:user-ada'])
  })
})

async function userId({ origin, newBrowser }: Harness, provider: string): Promise<unknown> {
  const browser: UserAgent = newBrowser()
  const page = await browser.get(`${origin}/login/${provider}?returnTo=/id`)
  return JSON.parse(page.text) as unknown // our own route
}

/** A JWT with fields of its header replaced and nothing signed again. */
function withHeader(jwt: string, fields: Claims): string {
  const [header = '', payload, signature] = jwt.split('.')
  const parsed = JSON.parse(Buffer.from(header, 'base64url').toString()) as Claims // what sign() wrote
  return [encode(JSON.stringify({ ...parsed, ...fields })), payload, signature].join('.')
}

/** A JWT with another payload and nothing signed again. */
function withPayload(jwt: string, payload: string): string {
  const [header, , signature] = jwt.split('.')
  return [header, encode(payload), signature].join('.')
}

/** The signature of one JWT on the claims of another. */
function spliced(one: string, other: string): string {
  return [...other.split('.').slice(0, 2), one.split('.')[2]].join('.')
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64url')
}
