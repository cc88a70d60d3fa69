// Several accounts in one session: whoever signed in with Spotify adds their EXBO account, and stays signed in.
import { exbo, latchkey, spotify } from '@latchkey/express'
import express from 'express'
import { html, raw } from '../html.ts'

const auth = latchkey({ providers: [spotify(), exbo()] })
const app = express()
app.use(auth)

app.get('/', auth.requireLogin({ provider: 'spotify' }), (req, res) => {
  const accounts = req.oauth.accounts.map(({ provider, id }) => html`<li>${provider}: ${id}</li>`)
  const hasExbo = req.oauth.accounts.some(({ provider }) => provider === 'exbo')
  const [action, label] = hasExbo ? ['/disconnect', 'Remove EXBO'] : ['/connect', 'Add EXBO']
  res.send(html`<ul>${raw(accounts)}</ul>
    <form method="post" action="${action}"><button>${label}</button></form>
    <a href="/characters">Characters</a>`)
})

// Adding an account begins with a form of this site.
app.post('/connect', auth.requireLogin(), (req) => req.oauth.login({ provider: 'exbo', link: true }))

app.post('/disconnect', auth.requireLogin({ provider: 'exbo' }), async (req, res) => {
  await req.oauth.account('exbo').disconnect()
  res.redirect(303, '/')
})

// A page that needs the other account leads there by itself. fetch takes the account that the address belongs to.
app.get('/characters', auth.requireLogin({ provider: 'exbo' }), async (req, res) => {
  const [me, characters] = await Promise.all([
    req.oauth.fetch('https://api.spotify.com/v1/me'),
    req.oauth.fetch('https://eapi.stalcraft.net/EU/characters'),
  ])
  res.json({ spotify: await me.json(), characters: await characters.json() })
})

app.use(auth.errorHandler)
app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
