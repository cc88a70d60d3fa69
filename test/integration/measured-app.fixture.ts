import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { latchkey, oidc } from '@latchkey/express'
import express from 'express'
import { quiet } from '../quiet-log.ts'

// A program of its own, so that its memory is that of an app and not of a test runner. Its parent sends the issuer,
// gets the address, and then asks for the highest resident set since the last time it asked.

const sampleEveryMs = 5
const app = express()
const server = createServer(app)
let highest = 0

process.once('message', (issuer: string) => {
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address() as AddressInfo // a TCP server has no other kind of address
    const baseUrl = `http://127.0.0.1:${port}`
    const provider = oidc({
      id: 'example',
      issuer,
      clientId: 'example-client',
      clientSecret: 'example-client-secret',
    })
    const auth = latchkey({ baseUrl, providers: [provider], logger: quiet })
    app.use(auth)
    app.get('/whoami', (req, res) => void res.json({ isAuthenticated: req.oauth.isAuthenticated }))
    setInterval(sample, sampleEveryMs)
    process.on('message', () => {
      sample()
      process.send?.(highest)
      highest = 0
    })
    process.send?.(baseUrl)
  })
})

function sample(): void {
  highest = Math.max(highest, process.memoryUsage.rss())
}
