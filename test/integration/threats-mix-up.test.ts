import { oauth2, oidc, type ProviderPreset } from '@latchkey/express'
import {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  startAuthorizationServer,
} from '@latchkey/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { events, type Harness, type HarnessSetup, startHarness, startServers } from './harness.fixture.ts'
import { authorizationResponse, expectRefused, locationOf, reasons, whoami } from './login-steps.fixture.ts'

const otherClient = { clientId: 'other-client', clientSecret: 'the client secret at the other server' }

/** A second authorization server, with its own client and users. */
async function startOther(options: Partial<AuthorizationServerOptions>): Promise<AuthorizationServer> {
  const clients = [{ ...otherClient, redirectUris: [] }]
  const other = await startAuthorizationServer({ clients, autoApprove: 'user-grace', ...options })
  onTestFinished(() => other.close())
  return other
}

/** The provider `other`: the second server as it describes itself, unless a field says otherwise. */
function otherProvider(as: AuthorizationServer, openid: boolean, fields: object = {}): ProviderPreset {
  const common = { id: 'other', ...otherClient, resourceOrigins: ['https://other.example'] }
  if (openid) return oidc({ ...common, issuer: as.issuer, scope: ['openid'], ...fields })
  const { authorization: authorizationEndpoint, token: tokenEndpoint, userinfo } = as.endpoints
  return oauth2({ ...common, authorizationEndpoint, tokenEndpoint, userinfo, ...fields })
}

/** An app with the honest provider `example`, which is the harness's, and with `other`. */
async function startApp(
  other: AuthorizationServer,
  preset: ProviderPreset,
  setup: HarnessSetup = {},
): Promise<Harness> {
  const server = { autoApprove: 'user-ada', marks: other.marks, ...setup.server }
  const harness = await startHarness({ ...setup, server, others: [preset] })
  other.registerRedirectUri(`${harness.origin}/callback/other`)
  return harness
}

describe('case 5: transaction from another provider', () => {
  const rows = [true, false].flatMap((openid) =>
    ['example', 'other'].flatMap((from) => [
      { openid, from, isSignedIn: false },
      { openid, from, isSignedIn: true },
    ]),
  )

  it.each(rows)(
    'case 5: an answer to a login at $from is refused at the other callback path (openid: $openid, signed in: $isSignedIn)',
    async ({ openid, from, isSignedIn }) => {
      const other = await startOther({ oidc: openid })
      const harness = await startApp(other, otherProvider(other, openid), { openid })
      const { browser, origin, as } = harness
      if (isSignedIn) await browser.get(`${origin}/login/example`)
      const exchanges = as.calls.token
      const { callbackUrl } = await authorizationResponse(browser, `${origin}/login/${from}`)
      const crossed = new URL(callbackUrl)
      crossed.pathname = from === 'example' ? '/callback/other' : '/callback/example'
      const before = await whoami(browser, origin)
      expectRefused(await browser.get(crossed))
      expect(reasons(harness)).toEqual(['provider_mismatch'])
      expectRefused(await browser.get(callbackUrl))
      expect(reasons(harness)).toEqual(['provider_mismatch', 'no_transaction'])
      expect([as.calls.token, other.calls.token]).toEqual([exchanges, 0])
      expect(await whoami(browser, origin)).toBe(before)
      expect(before).toBe(isSignedIn ? 'user-ada' : null)
    },
  )
})

describe('case 6: iss of the authorization response', () => {
  const issuerPath = '/Tenant'
  /** What the server sends for `iss`, or takes away, and what becomes of it. */
  const attacks = [
    { iss: 'of another server', value: () => ['https://evil.example'], reason: 'iss' },
    { iss: 'with a slash at its end', value: (iss: string) => [`${iss}/`], reason: 'iss' },
    { iss: 'without its path', value: (iss: string) => [new URL(iss).origin], reason: 'iss' },
    { iss: 'in lower case', value: (iss: string) => [iss.toLowerCase()], reason: 'iss' },
    {
      iss: 'with an upper-case scheme',
      value: (iss: string) => [iss.replace('http', 'HTTP')],
      reason: 'iss',
    },
    { iss: 'percent-encoded once more', value: (iss: string) => [iss.replace('T', '%54')], reason: 'iss' },
    { iss: 'with white space', value: (iss: string) => [` ${iss}`], reason: 'iss' },
    { iss: 'that is empty', value: () => [''], reason: 'iss' },
    { iss: 'that is missing', value: () => [], reason: 'iss' },
    { iss: 'twice', value: (iss: string) => [iss, iss], reason: 'duplicate' },
    { iss: 'right and wrong', value: (iss: string) => [iss, 'https://evil.example'], reason: 'duplicate' },
  ] as const
  const rows = attacks.flatMap((attack) => [
    { ...attack, answer: 'success' },
    { ...attack, answer: 'error' },
  ])

  it.each(rows)('case 6: an iss $iss is refused on $answer, and no other endpoint is called', async (row) => {
    const server = { autoApprove: 'user-ada', issuerPath }
    const harness = await startHarness({ openid: true, server })
    const { browser, origin, as } = harness
    as.policy.responseIss = row.value(as.issuer)
    as.policy.callbackParams = (params) => {
      if (row.answer === 'error') failInstead(params)
    }
    const { callbackUrl } = await authorizationResponse(browser, `${origin}/login/example`)
    expectRefused(await browser.get(callbackUrl))
    expect(reasons(harness)).toEqual([row.reason])
    expect([as.calls.token, as.calls.userinfo, as.calls.jwks]).toEqual([0, 0, 0])
    expect(await whoami(browser, origin)).toBeNull()
  })

  it('case 6: a wrong iss is refused although the server does not advertise it, a missing one is not', async () => {
    const harness = await startHarness({ openid: true, server: { autoApprove: 'user-ada' } })
    const { origin, as } = harness
    as.policy.advertisesResponseIss = false
    for (const [responseIss, status] of [
      [['https://evil.example'], 400],
      ['none', 200],
      ['issuer', 200],
    ] as const) {
      as.policy.responseIss = responseIss
      const page = await harness.newBrowser().get(`${origin}/login/example?returnTo=/whoami`)
      expect(page.status).toBe(status)
    }
    expect(reasons(harness)).toEqual(['iss'])
  })
})

function failInstead(params: URLSearchParams): void {
  params.delete('code')
  params.set('error', 'access_denied')
}

describe('case 7: mix-up by metadata', () => {
  const callbackPath = '/back'

  /**
   * The honest provider `example`, and `other`, which is hostile: it names the honest server's authorization endpoint
   * and client, but a token endpoint of its own. The honest server is careless: it takes both redirect URIs.
   */
  async function startMixUp(row: {
    readonly honest: 'openid' | 'oauth'
    readonly hostile: 'openid' | 'oauth'
    readonly isShared: boolean
  }): Promise<{ readonly harness: Harness; readonly hostile: AuthorizationServer }> {
    const openid = row.honest === 'openid'
    const hostile = await startOther({ oidc: row.hostile === 'openid' })
    const servers = await startServers({ openid, server: { autoApprove: 'user-ada', marks: hostile.marks } })
    const path = row.isShared ? { callbackPath } : {}
    const preset = otherProvider(hostile, row.hostile === 'openid', {
      authorizationEndpoint: servers.as.endpoints.authorization,
      clientId: 'example-client',
      ...path,
    })
    const harness = await startHarness({ openid, servers, others: [preset], provider: path })
    for (const own of ['/callback/other', callbackPath]) servers.as.registerRedirectUri(harness.origin + own)
    return { harness, hostile }
  }

  it.each([
    { honest: 'openid', hostile: 'openid', isShared: false, reason: 'iss' },
    { honest: 'openid', hostile: 'openid', isShared: true, reason: 'iss' },
    { honest: 'openid', hostile: 'oauth', isShared: true, reason: 'iss' },
    { honest: 'oauth', hostile: 'openid', isShared: true, reason: 'iss' },
    { honest: 'oauth', hostile: 'oauth', isShared: true, reason: 'iss' },
  ] as const)(
    'case 7: a code of the honest $honest server never gets to the hostile $hostile one (shared callback path: $isShared)',
    async (row) => {
      const { harness, hostile } = await startMixUp(row)
      const { browser, origin } = harness
      const { authorizationUrl, callbackUrl } = await authorizationResponse(browser, `${origin}/login/other`)
      expect(authorizationUrl.origin).toBe(harness.as.origin)
      expect(callbackUrl.searchParams.get('code')).toMatch(/^code_/)
      expectRefused(await browser.get(callbackUrl))
      expect(reasons(harness)).toEqual([row.reason])
      expect([harness.as.calls.token, hostile.calls.token]).toEqual([0, 0])
    },
  )

  it('case 7: start-up warns of a provider without issuer on a shared callback path, and only of that', async () => {
    const shared = await startMixUp({ honest: 'openid', hostile: 'oauth', isShared: true })
    const warnings = events(shared.harness, 'options.shared_callback')
    expect(warnings.map(({ level, fields }) => [level, fields.provider])).toEqual([['warn', 'other']])
    for (const isShared of [true, false]) {
      const { harness } = await startMixUp({ honest: 'openid', hostile: 'openid', isShared })
      expect(events(harness, 'options.shared_callback')).toEqual([])
    }
    const { harness } = await startMixUp({ honest: 'oauth', hostile: 'oauth', isShared: false })
    expect(events(harness, 'options.shared_callback')).toEqual([])
  })

  it('case 7: without iss the callback paths decide where a code may go', async () => {
    const { harness, hostile } = await startMixUp({ honest: 'oauth', hostile: 'oauth', isShared: false })
    const { browser, origin, as } = harness
    const start = await browser.get(`${origin}/login/other`, { redirect: 'manual' })
    const rewritten = new URL(locationOf(start))
    rewritten.searchParams.set('redirect_uri', `${origin}/callback/example`)
    const answer = await browser.get(rewritten, { redirect: 'manual' })
    expect(locationOf(answer)).toContain('/callback/example?code=')
    expectRefused(await browser.get(locationOf(answer)))
    expect(reasons(harness)).toEqual(['provider_mismatch'])
    expect([as.calls.token, hostile.calls.token]).toEqual([0, 0])
  })
})
