// A WebSocket whose other end is known: no route sees an upgrade request, so auth.from(req) reads who sent it.
// The few bytes of the protocol (RFC 6455) are written by hand here; the package ws does the same and more.
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import { latchkey, spotify } from '@latchkey/express'
import express from 'express'

const auth = latchkey({ providers: [spotify({ scope: ['user-top-read'] })] })
const { origin } = new URL(process.env.LATCHKEY_BASE_URL ?? '')
const app = express()
app.use(auth)
app.get('/', auth.requireLogin(), (_req, res) => {
  res.send(`<ol id="log"></ol><script>
    new WebSocket(location.origin.replace('http', 'ws')).onmessage = ({ data }) =>
      log.appendChild(document.createElement('li')).textContent = data
  </script>`)
})
app.use(auth.errorHandler)

const server = createServer(app)
server.on('upgrade', async (req, socket) => {
  const refuse = (status: string) => socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`)
  socket.on('error', () => socket.destroy())
  try {
    // The pages of other sites can open sockets too: only those of this one are listened to.
    if (req.headers.origin !== origin) return refuse('403 Forbidden')
    const oauth = await auth.from(req)
    if (!oauth.isAuthenticated) return refuse('401 Unauthorized')
    const key = `${req.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`
    const accept = createHash('sha1').update(key).digest('base64')
    const upgrade = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
    socket.write(`${upgrade}Sec-WebSocket-Accept: ${accept}\r\n\r\n`)
    socket.write(message(`Hello ${oauth.user.name ?? 'you'}`))
    const reply = await oauth.fetch('https://api.spotify.com/v1/me/top/tracks?limit=3')
    const { items } = (await reply.json()) as { items: { name: string }[] }
    for (const { name } of items) socket.write(message(name))
  } catch {
    socket.destroy() // the store or Spotify does not answer: the page may open another one
  }
})
server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')

/** A text frame of less than 64 KB. */
function message(text: string): Buffer {
  const data = Buffer.from(text)
  const length = data.length < 126 ? [data.length] : [126, data.length >> 8, data.length & 0xff]
  return Buffer.concat([Buffer.from([0x81, ...length]), data])
}
