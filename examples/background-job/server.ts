// Work for users while none of them is there. With keepAccounts their accounts outlive sign-out; every hour (JOB_MINUTES)
// the job in job.ts uses them. Until there is a store that processes share, it runs in the process of the server.
import { latchkey, spotify } from '@latchkey/express'
import express from 'express'
import { html } from '../html.ts'
import { type Favourites, updateFavourites } from './job.ts'

const auth = latchkey({ keepAccounts: true, providers: [spotify({ scope: ['user-top-read'] })] })
const favourites: Favourites = new Map()
const app = express()
app.use(auth)

app.get('/', auth.requireLogin(), (req, res) => {
  const favourite = favourites.get(req.oauth.requireUserId())
  const [action, label] = favourite === undefined ? ['/subscribe', 'Subscribe'] : ['/forget', 'Forget me']
  res.send(html`<p>Your favourite: ${favourite ?? 'not looked up yet'}</p>
    <form method="post" action="${action}"><button>${label}</button></form>
    <form method="post" action="/logout"><button>Sign out</button></form>`)
})

app.post('/subscribe', auth.requireLogin(), (req, res) => {
  favourites.set(req.oauth.requireUserId(), 'looked up within the hour')
  res.redirect(303, '/')
})

// Ends the account itself: it is revoked where that can be done, and its tokens are deleted.
app.post('/forget', auth.requireLogin({ provider: 'spotify' }), async (req) => {
  favourites.delete(req.oauth.requireUserId())
  await req.oauth.account('spotify').disconnect()
  await req.oauth.logout()
})

app.use(auth.errorHandler)
app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
setInterval(() => updateFavourites(auth, favourites), Number(process.env.JOB_MINUTES ?? 60) * 60_000)
