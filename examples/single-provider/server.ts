// One provider: nobody has to choose, so whoever opens a page that needs a user is led straight to it and back.
import { latchkey, spotify } from '@latchkey/express'
import express from 'express'

const auth = latchkey({ providers: [spotify({ scope: ['user-top-read'] })] })
const app = express()
app.use(auth)
app.get('/', auth.requireLogin(), async (req, res) => {
  const reply = await req.oauth.fetch('https://api.spotify.com/v1/me/top/tracks?limit=5')
  res.json({ user: req.oauth.user, tracks: await reply.json() })
})
app.use(auth.errorHandler)
app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
