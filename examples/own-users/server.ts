// The app's own user table: onLogin says which user a sign-in is, and may refuse it (BANNED: accounts like exbo:1003).
// The two maps stand for tables of a database.
import { randomUUID } from 'node:crypto'
import { exbo, LatchkeyError, latchkey, spotify } from '@latchkey/express'
import express from 'express'
import { html, raw } from '../html.ts'

const users = new Map<string, { name: string }>()
const userOfAccount = new Map<string, string>()
const banned = new Set((process.env.BANNED ?? '').split(','))

const auth = latchkey({
  keepAccounts: true,
  providers: [spotify(), exbo()],
  onLogin({ provider, user, keptBy }) {
    const account = `${provider}:${user.id}`
    if (banned.has(account)) throw new LatchkeyError('access_denied', `${account} is banned.`)
    // Latchkey knows whose an account is for half a year after its last use, the table for ever.
    const userId = keptBy ?? userOfAccount.get(account) ?? randomUUID()
    userOfAccount.set(account, userId)
    if (!users.has(userId)) users.set(userId, { name: user.name ?? 'somebody' })
    return userId
  },
})
// A second account is no sign-in. From now on it leads to the same user all the same.
auth.events.on('link', ({ provider, accountId, userId }) => {
  userOfAccount.set(`${provider}:${accountId}`, userId)
})

const app = express()
app.use(auth)

app.get('/', auth.requireLogin(), (req, res) => {
  const { name = '' } = users.get(req.oauth.requireUserId()) ?? {}
  const accounts = req.oauth.accounts.map(({ provider, id }) => html`<li>${provider}: ${id}</li>`)
  res.send(html`<h1>${name}</h1> <ul>${raw(accounts)}</ul>
    <form method="post" action="/rename"><input name="name"><button>Rename</button></form>
    <form method="post" action="/add-exbo"><button>Add EXBO</button></form>
    <form method="post" action="/logout"><button>Sign out</button></form>`)
})

app.post('/rename', auth.requireLogin(), express.urlencoded(), (req, res) => {
  users.set(req.oauth.requireUserId(), { name: String(req.body.name) })
  res.redirect(303, '/')
})

app.post('/add-exbo', auth.requireLogin(), (req) => req.oauth.login({ provider: 'exbo', link: true }))

app.use(auth.errorHandler)
app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
