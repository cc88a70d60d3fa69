import { afterEach, describe, expect, it } from 'vitest'
import { type AppFixture, type AppOptions, startApp } from './express-app.fixture.ts'

let fixture: AppFixture | undefined

afterEach(async () => {
  await fixture?.close()
  fixture = undefined
})

async function start(options: AppOptions): Promise<AppFixture> {
  fixture = await startApp(options)
  return fixture
}

const meRoute: AppOptions['routes'] = (app, auth, spotify) => {
  app.get('/', (_req, res) => void res.send(auth.buttons()))
  app.get('/me', auth.requireLogin({ provider: 'spotify' }), async (req, res) => {
    const reply = await req.oauth.fetch(`${spotify.apiOrigin}/v1/me`)
    res.json(await reply.json())
  })
}

describe('an Express app with Latchkey', () => {
  it('leads a browser from a guarded page through the provider and back to it', async () => {
    const { browser, origin } = await start({ routes: meRoute })
    const page = await browser.signIn(`${origin}/me`, { as: 'Ada' })
    expect(page.url).toBe(`${origin}/me`)
    expect(page.status).toBe(200)
    expect(JSON.parse(page.text)).toMatchObject({ display_name: 'Ada' })
  })
})
