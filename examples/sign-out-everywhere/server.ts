// Sign-out on all devices at once: by the users themselves, and by an administrator (ADMINS: user ids, apart by commas).
import { latchkey, spotify } from '@latchkey/express'
import express, { type RequestHandler } from 'express'
import { html } from '../html.ts'

const auth = latchkey({ providers: [spotify()] })
const admins = new Set((process.env.ADMINS ?? '').split(','))
const app = express()
app.use(auth)

app.get('/', auth.requireLogin(), (req, res) => {
  res.send(html`<p>You are ${req.oauth.requireUserId()}.</p>
    <form method="post" action="/logout"><button>Sign out</button></form>
    <form method="post" action="/sign-out-everywhere"><button>Sign out everywhere</button></form>`)
})

app.post('/sign-out-everywhere', auth.requireLogin(), (req) => req.oauth.logout({ everywhere: true }))

const requireAdmin: RequestHandler = (req, res, next) => {
  if (admins.has(req.oauth.requireUserId())) next()
  else res.sendStatus(403)
}
app.use('/admin', auth.requireLogin(), requireAdmin)
app.get('/admin', (_req, res) => {
  res.send('<form method="post"><input name="userId"><button>Sign this user out</button></form>')
})
app.post('/admin', express.urlencoded(), async (req, res) => {
  const user = await auth.user(String(req.body.userId))
  await user?.logout()
  res.send(user === undefined ? 'No such user.' : 'Signed out.')
})

app.use(auth.errorHandler)
app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
