import { randomBytes } from 'node:crypto'
import { latchkey, trackmania } from '@latchkey/express'
import { type Emulators, startEmulators } from '@latchkey/testing'
import express from 'express'
import { describe, expect, it, onTestFinished } from 'vitest'

const userUrl = 'https://api.trackmania.com/api/user'
const clubsUrl = 'https://api.trackmania.com/api/user/clubs'

/** An app with Trackmania alone, and a browser. */
async function started(): Promise<{
  readonly emulators: Emulators<'trackmania'>
  readonly origin: string
  readonly browser: ReturnType<Emulators['browser']>
}> {
  const emulators = await startEmulators({ only: ['trackmania'] })
  onTestFinished(() => emulators.close())
  const { clock, dispatcher, environment } = emulators
  const app = express()
  const server = app.listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  const origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  const client = {
    clientId: environment.TRACKMANIA_CLIENT_ID,
    clientSecret: environment.TRACKMANIA_CLIENT_SECRET,
  }
  const auth = latchkey({
    baseUrl: origin,
    secret: randomBytes(32).toString('base64url'),
    providers: [trackmania({ ...client, scope: ['clubs'] })],
    ...{ clock, dispatcher },
  })
  onTestFinished(() => auth.close())
  app.use(auth)
  app.get('/me', auth.requireLogin(), async (req, res) => {
    const replies = await Promise.all([userUrl, clubsUrl].map((url) => req.oauth.fetch(url)))
    res.json({ user: req.oauth.user, answers: await Promise.all(replies.map((reply) => reply.json())) })
  })
  app.use(auth.errorHandler)
  return { emulators, origin, browser: emulators.browser() }
}

describe('Trackmania', () => {
  it.each(['rfc', 'hint'] as const)(
    'signs in, calls, and refreshes with errors of the kind %s',
    async (errorBody) => {
      const { emulators, origin, browser } = await started()
      const { as, switches } = emulators.trackmania
      switches.errorBody = errorBody
      await browser.signIn(`${origin}/login/trackmania`, { as: 'Ada' })
      const me = async () => (await browser.get(`${origin}/me`)).text
      const first = JSON.parse(await me())
      expect(first.user).toMatchObject({ provider: 'trackmania', name: 'Ada' })
      expect(first.answers).toEqual([{ accountId: first.user.id, displayName: 'Ada' }, [expect.anything()]])
      await emulators.clock.advance(3_601)
      expect(JSON.parse(await me())).toEqual(first)
      expect(as.mints).toMatchObject({ authorization_code: 1, refresh_token: 1 })
    },
  )

  it.each([
    ['invalid_grant', 'rfc'],
    ['invalid_request', 'hint'],
  ] as const)(
    'leads to the sign-in when the refresh token is refused as %s',
    async (refusedRefreshToken, errorBody) => {
      const { emulators, origin, browser } = await started()
      Object.assign(emulators.trackmania.switches, { refusedRefreshToken, errorBody })
      await browser.signIn(`${origin}/login/trackmania`, { as: 'Ada' })
      emulators.trackmania.as.killRefreshToken('user-ada')
      await emulators.clock.advance(3_601)
      const page = await browser.get(`${origin}/me`)
      expect(page.url).toMatch(/^https:\/\/api\.trackmania\.com\/oauth\/authorize\?/)
      expect(new URL(page.url).searchParams.get('scope')).toBe('clubs')
    },
  )
})
