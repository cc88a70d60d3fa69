// A page of your own with a button for each provider; signing in with another one changes who is signed in.
import { exbo, latchkey, spotify } from '@latchkey/express'
import express from 'express'
import { html, raw } from '../html.ts'

const auth = latchkey({ providers: [spotify(), exbo()] })
const app = express()
app.use(auth)
app.get('/', (req, res) => {
  if (!req.oauth.isAuthenticated) {
    res.send(html`<h1>Welcome</h1> ${raw(auth.buttons({ returnTo: '/' }))}`)
    return
  }
  const { name = 'you', provider } = req.oauth.user
  res.send(html`<h1>Hello ${name}</h1> <p>Signed in with ${provider}.</p>
    <form method="post" action="/logout"><button>Sign out</button></form>`)
})
app.use(auth.errorHandler)
app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
