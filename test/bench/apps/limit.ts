import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Redis } from 'ioredis'
import { request } from 'undici'
import { serve, surroundings } from '../bench-app.ts'
import type { BenchUser } from '../bench-user.ts'

// The least that a signed-in request can cost: node:http, one GET, and one undici.request where the provider is called.

const redis = new Redis(surroundings.redisUrl)
const sevenDaysSeconds = 7 * 86_400

async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const text = await redis.get(req.headers.cookie ?? '')
  if (text === null) return void res.writeHead(401).end()
  const { id, name, tokens }: BenchUser = JSON.parse(text)
  if (req.url === '/me') return sendJson(res, { id, name })
  const headers = { authorization: `Bearer ${tokens?.accessToken}` }
  const { body } = await request(surroundings.upstream, { headers })
  sendJson(res, await body.json())
}

function sendJson(res: ServerResponse, value: unknown): void {
  const text = JSON.stringify(value)
  res.writeHead(200, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
  })
  res.end(text)
}

serve(async () => ({
  listener: (req, res) => {
    answer(req, res).catch((error: unknown) => res.writeHead(500).end(String(error)))
  },
  async signIn(users) {
    const cookies = users.map(() => `session=${randomBytes(32).toString('base64url')}`)
    await Promise.all(
      users.map((user, index) =>
        redis.set(cookies[index] ?? '', JSON.stringify(user), 'EX', sevenDaysSeconds),
      ),
    )
    return cookies
  },
}))
