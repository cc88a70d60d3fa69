import { randomBytes } from 'node:crypto'
import { google, latchkey, memoryStore, type ProviderPreset, spotify } from '@latchkey/express'
import { startAuthorizationServer, startEmulators, TestClock, UserAgent } from '@latchkey/testing'
import express from 'express'
import { describe, expect, it, onTestFinished } from 'vitest'
import { freePort } from '../free-port.ts'

const day = 86_400
const quiet = { debug() {}, info() {}, warn() {}, error() {} }

describe('account_expiring', () => {
  it('is announced once in the last 14 days of an authorization, by whichever instance refreshes first', async () => {
    const emulators = await startEmulators({ only: ['spotify'] })
    onTestFinished(() => emulators.close())
    const { clock, dispatcher } = emulators
    const store = memoryStore({ clock })
    const secret = randomBytes(32).toString('base64url')
    const client = { clientId: 'app', clientSecret: 'any-secret', keepAccounts: true }
    const announced: object[] = []
    const instances = [1, 2].map(() => {
      const auth = latchkey({
        baseUrl: 'http://127.0.0.1:3000',
        secret,
        providers: [spotify(client)],
        store,
        ...{ clock, dispatcher, logger: quiet },
      })
      onTestFinished(() => auth.close())
      auth.events.on('account_expiring', (event) => void announced.push(event))
      return auth
    })
    const call = async (): Promise<void> => {
      await clock.advance(3_601)
      for (const auth of instances) {
        const reply = await (await auth.user('ada'))?.fetch('https://api.spotify.com/v1/me')
        expect(reply?.status).toBe(200)
        await clock.advance(3_601)
      }
    }
    const status = async () => {
      const [account] = (await instances[0]?.user('ada'))?.accounts ?? []
      return account?.status()
    }
    await instances[0]?.importAccount({
      userId: 'ada',
      provider: 'spotify',
      tokens: emulators.spotify.tokens('ada'),
    })
    const { refreshTokenExpiresAt = 0 } = (await status()) ?? {}
    const months = (refreshTokenExpiresAt - clock.now()) / day
    expect(months).toBeGreaterThan(180)
    await clock.advance(refreshTokenExpiresAt - clock.now() - 16 * day)
    await call()
    expect(announced).toEqual([])
    await clock.advance(2 * day)
    for (let time = 0; time < 3; time += 1) await call()
    const event = { provider: 'spotify', accountId: 'account-user-ada', refreshTokenExpiresAt }
    expect(announced).toEqual([event])
    expect(await status()).toMatchObject({ refreshTokenExpiresAt })

    // A new authorization begins anew.
    await instances[0]?.importAccount({
      userId: 'ada',
      provider: 'spotify',
      tokens: emulators.spotify.tokens('ada'),
    })
    await call()
    expect(announced).toHaveLength(1)
  })
})

describe('refresh_token_missing', () => {
  async function signIn(
    refreshTokens: 'always' | 'never',
    preset: (server: Awaited<ReturnType<typeof startAuthorizationServer>>) => ProviderPreset,
  ): Promise<readonly object[]> {
    const clock = new TestClock()
    const port = await freePort()
    const baseUrl = `http://127.0.0.1:${port}`
    const as = await startAuthorizationServer({
      clients: [
        { clientId: 'app', clientSecret: 'any-secret', redirectUris: [`${baseUrl}/callback/google`] },
      ],
      oidc: true,
      clock,
      policy: { refreshTokens, autoApprove: 'user-ada' },
    })
    onTestFinished(() => as.close())
    const auth = latchkey({
      baseUrl,
      secret: randomBytes(32).toString('base64url'),
      providers: [preset(as)],
      clock,
      logger: quiet,
    })
    onTestFinished(() => auth.close())
    const announced: object[] = []
    auth.events.on('refresh_token_missing', (event) => void announced.push(event))
    const server = express().use(auth).listen(port, '127.0.0.1')
    onTestFinished(() => void server.close())
    const home = await new UserAgent({ clock }).get(`${baseUrl}/login/google`)
    expect(home.url).toBe(`${baseUrl}/`)
    return announced
  }

  const googleAt =
    (scope: readonly string[], options = {}) =>
    (as: Awaited<ReturnType<typeof startAuthorizationServer>>) =>
      google({
        clientId: 'app',
        clientSecret: 'any-secret',
        issuer: as.issuer,
        authorizationEndpoint: as.endpoints.authorization,
        tokenEndpoint: as.endpoints.token,
        jwksUri: as.endpoints.jwks,
        userinfo: as.endpoints.userinfo,
        scope,
        ...options,
      })

  it.each([
    ['asked for by the preset', googleAt(['openid']), 'never', 1],
    [
      'asked for by scope',
      googleAt(['openid', 'offline_access'], { expectsRefreshToken: false }),
      'never',
      1,
    ],
    ['there', googleAt(['openid']), 'always', 0],
    ['not asked for', googleAt(['openid'], { expectsRefreshToken: false }), 'never', 0],
  ] as const)('of one that is %s', async (_what, preset, refreshTokens, count) => {
    const event = { provider: 'google', accountId: 'user-ada' }
    expect(await signIn(refreshTokens, preset)).toEqual(Array(count).fill(event))
  })
})
