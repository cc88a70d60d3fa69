import { createServer } from 'node:http'
import { LatchkeyError, OAuthClient, oidc } from '@latchkey/core'

const issuer = process.env.CORP_ISSUER ?? 'https://login.corp.example'
const client = new OAuthClient(oidc({ id: 'corp', issuer })) // CORP_CLIENT_ID, CORP_CLIENT_SECRET
const pending = await client.authorizationUrl({ redirectUri: 'http://127.0.0.1:8976/callback' })
console.log(`Open ${pending.url}`)

const server = createServer(async (req, res) => {
  res.setHeader('connection', 'close')
  try {
    const { tokens } = await client.exchangeCode(req.url ?? '', pending) // refuses all but our own callback
    const user = await client.userinfo(tokens)
    res.end('Signed in. You can close this window.')
    console.log(`Hello ${user.name}. Your token is ${client.isExpired(tokens) ? 'old' : 'fresh'}.`)
    server.close()
  } catch (error) {
    res.writeHead(LatchkeyError.is(error) ? error.status : 500).end('That did not work.')
    console.error(error)
  }
})
server.listen(8976, '127.0.0.1')
