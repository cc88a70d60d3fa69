// More permission when it is needed and not before: a sign-in asks for nothing but the profile.
import { latchkey, spotify } from '@latchkey/express'
import express from 'express'

const auth = latchkey({ providers: [spotify()] })
const app = express()
app.use(auth)

// Look first: a page that offers something can say whether it has been allowed.
app.get('/', auth.requireLogin(), async (req, res) => {
  const missing = await req.oauth.account('spotify').missingScopes('user-read-recently-played')
  const ask = '<form method="post" action="/allow-history"><button>Show my history</button></form>'
  res.send(missing.length > 0 ? ask : '<a href="/history">My history</a>')
})

// Ask at a click: the user comes back with what was granted before, and this.
app.post('/allow-history', auth.requireLogin(), (req) =>
  req.oauth.login({ provider: 'spotify', scope: ['user-read-recently-played'], returnTo: '/history' }),
)

app.get('/history', async (req, res) => {
  const reply = await req.oauth.fetch('https://api.spotify.com/v1/me/player/recently-played')
  res.status(reply.status).json(await reply.json())
})

// Or let the guard ask on the way to the page.
const listener = auth.requireLogin({ provider: 'spotify', scope: ['user-top-read'] })
app.get('/top-tracks', listener, async (req, res) => {
  const reply = await req.oauth.fetch('https://api.spotify.com/v1/me/top/tracks')
  res.json(await reply.json())
})

app.use(auth.errorHandler)
app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
