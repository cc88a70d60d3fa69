// Moving to Latchkey from another library (OLD_ACCOUNTS: a JSON file of rows as in migrate.ts). The accounts are taken
// over with their tokens and the sessions with their cookies: nobody has to consent or sign in anew.
// Until there is a store that processes share, the migration runs in the process of the server.
import { readFile } from 'node:fs/promises'
import { latchkey, spotify } from '@latchkey/express'
import express from 'express'
import { migrate, type OldAccount } from './migrate.ts'

const rows: readonly OldAccount[] = JSON.parse(await readFile(process.env.OLD_ACCOUNTS ?? '', 'utf8'))
const auth = latchkey({
  keepAccounts: true,
  providers: [spotify({ scope: ['user-top-read'] })],
  onLogin: ({ user, keptBy }) => keptBy ?? rows.find(({ spotifyId }) => spotifyId === user.ids?.id)?.userId,
})
await migrate(auth, rows)

const app = express()
app.use(auth)

// Whoever comes with the old app's cookie gets one of Latchkey's for it.
app.use(async (req, res, next) => {
  const [, oldSession] = /(?:^|; )old-session=([^;]+)/.exec(req.headers.cookie ?? '') ?? []
  const row = rows.find(({ sessionId }) => sessionId === oldSession)
  if (row === undefined || req.oauth.isAuthenticated || req.method !== 'GET') return next()
  const user = await auth.user(row.userId)
  const [account] = user?.accounts ?? []
  if (account === undefined) return next()
  const session = { provider: account.provider, user: { id: account.id }, userId: row.userId }
  const { setCookie } = await auth.createSession(session)
  res.append('Set-Cookie', setCookie).clearCookie('old-session').redirect(303, req.originalUrl)
})

app.get('/', auth.requireLogin(), async (req, res) => {
  const reply = await req.oauth.fetch('https://api.spotify.com/v1/me/top/tracks?limit=1')
  res.json({ userId: req.oauth.userId, tracks: await reply.json() })
})

app.use(auth.errorHandler)
app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
