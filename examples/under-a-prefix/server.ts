// Beside an existing app, for one part of it: everything of Latchkey is under /members, and the rest of the app, its own
// /login among it, does not notice.
import { latchkey, spotify } from '@latchkey/express'
import express, { Router } from 'express'

const auth = latchkey({
  providers: [spotify()],
  routes: { prefix: '/members', afterLogin: '/members', afterLogout: '/' },
})

const members = Router()
members.use(auth.requireLogin())
members.get('/', (req, res) => {
  res.type('text').send(`Hello ${req.oauth.user?.name ?? 'you'}`)
})
members.get('/me', async (req, res) => {
  const reply = await req.oauth.fetch('https://api.spotify.com/v1/me')
  res.json(await reply.json())
})
members.use(auth.errorHandler)

const app = express()
app.get('/', (_req, res) => res.send('<a href="/login">Old login</a> <a href="/members">Members</a>'))
app.get('/login', (_req, res) => res.send('This login was here before.'))
app.use('/members', auth, members)
app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
