import { type Latchkey, type LatchkeyOptions, latchkey, spotify } from '@latchkey/express'
import express, { type Express } from 'express'

/** What a test replaces; in production all of it is left out. */
export type Replaced = Pick<LatchkeyOptions, 'baseUrl' | 'dispatcher' | 'clock' | 'logger'>

/** The app, ready to listen. */
export function createApp(replaced: Replaced = {}): { app: Express; auth: Latchkey<'spotify'> } {
  const auth = latchkey({ providers: [spotify({ scope: ['user-top-read'] })], ...replaced })
  const app = express()
  app.use(auth)
  app.get('/', (_req, res) => res.send(auth.buttons({ returnTo: '/favourite' })))
  app.get('/favourite', auth.requireLogin({ provider: 'spotify' }), async (req, res) => {
    const reply = await req.oauth.fetch('https://api.spotify.com/v1/me/top/tracks?limit=1')
    if (!reply.ok) return res.status(502).send('Spotify does not say.')
    const { items } = (await reply.json()) as { items: { name: string }[] }
    res.type('text').send(`${req.oauth.user?.name} likes ${items[0]?.name}`)
  })
  app.use(auth.errorHandler)
  return { app, auth }
}
