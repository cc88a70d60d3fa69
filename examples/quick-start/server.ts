import { exbo, latchkey, spotify } from '@latchkey/express'
import express from 'express'

const auth = latchkey({ baseUrl: 'http://127.0.0.1:3000', providers: [spotify(), exbo()] })
const app = express()
app.use(auth)
app.get('/', (_req, res) => res.send(auth.buttons()))
app.get('/me', auth.requireLogin({ provider: 'spotify' }), async (req, res) => {
  const reply = await req.oauth.fetch('https://api.spotify.com/v1/me')
  res.json(await reply.json())
})
app.use(auth.errorHandler)
app.listen(3000, '127.0.0.1')
