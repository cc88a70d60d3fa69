import type { Bar } from './row.ts'

/** A whole app in a project of its own. */
export interface InstalledApp {
  readonly name: string
  readonly title: string
  readonly kind: Bar['kind']
  readonly needs: readonly string[]
  /** Listens on a free port and tells its parent which. */
  readonly program: string
}

const listening = `
const server = app.listen(0, '127.0.0.1', () => process.send(server.address().port))
process.once('disconnect', () => process.exit())
`

/** Apps whose start and size are measured. Each answers \`/\` to whoever comes. */
export const installedApps: readonly InstalledApp[] = [
  {
    name: 'floor',
    title: 'Express floor',
    kind: 'floor',
    needs: ['express', 'express-session', 'connect-redis', 'redis'],
    program: `import { RedisStore } from 'connect-redis'
import express from 'express'
import session from 'express-session'
import { createClient } from 'redis'
const client = createClient({ url: process.env.REDIS_URL })
await client.connect()
const app = express()
app.use(session({ store: new RedisStore({ client }), secret: process.env.SECRET, resave: false, saveUninitialized: false }))
app.get('/', (req, res) => res.json({ isSignedIn: req.session.user !== undefined }))
${listening}`,
  },
  {
    name: 'latchkey',
    title: 'Latchkey',
    kind: 'latchkey',
    needs: ['@latchkey/core', '@latchkey/express', '@latchkey/redis', 'express', 'ioredis'],
    program: `import { latchkey, spotify } from '@latchkey/express'
import { redisStore } from '@latchkey/redis'
import express from 'express'
import { Redis } from 'ioredis'
const auth = latchkey({
  baseUrl: 'https://app.example',
  secret: process.env.SECRET,
  providers: [spotify({ clientId: 'client', clientSecret: 'client-secret' })],
  store: redisStore(new Redis(process.env.REDIS_URL)),
})
const app = express()
app.use(auth)
app.get('/', (req, res) => res.json({ isSignedIn: req.oauth.isAuthenticated }))
app.use(auth.errorHandler)
${listening}`,
  },
  {
    name: 'express',
    title: 'Express alone',
    kind: 'limit',
    needs: ['express'],
    program: `import express from 'express'
const app = express()
app.get('/', (_req, res) => res.json({ isSignedIn: false }))
${listening}`,
  },
]
