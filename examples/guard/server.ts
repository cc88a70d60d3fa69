// Guards: what a page needs stands at its route. A browser is led to what is missing, a script is told.
import { exbo, latchkey, spotify } from '@latchkey/express'
import express from 'express'
import { html, raw } from '../html.ts'

const auth = latchkey({ providers: [spotify(), exbo()] })
const notes = new Map<string, readonly string[]>()
const app = express()
app.use(auth)
app.get('/', (_req, res) => res.send('<a href="/notes">Notes</a> <a href="/tracks">Tracks</a>'))

// Anybody who is signed in, whichever way.
app.get('/notes', auth.requireLogin(), (req, res) => {
  const own = notes.get(req.oauth.requireUserId()) ?? []
  res.send(html`<ul>${raw(own.map((note) => html`<li>${note}</li>`))}</ul>
    <form method="post"><input name="note"><button>Add</button></form>`)
})
// A guarded POST has to come from a page of this site: the form needs no token of its own.
app.post('/notes', auth.requireLogin(), express.urlencoded(), (req, res) => {
  const userId = req.oauth.requireUserId()
  notes.set(userId, [...(notes.get(userId) ?? []), String(req.body.note)])
  res.redirect(303, '/notes')
})

// Somebody with an account there who allowed this. Who has not is asked, and comes back.
const listener = auth.requireLogin({ provider: 'spotify', scope: ['user-top-read'] })
app.get('/tracks', listener, async (req, res) => {
  const reply = await req.oauth.fetch('https://api.spotify.com/v1/me/top/tracks')
  res.json(await reply.json())
})

app.use(auth.errorHandler)
app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
