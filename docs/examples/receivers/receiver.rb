# A webhook receiver: gem install webrick; PORT=9000 WEBHOOK_SECRET=whsec_… ruby receiver.rb
require "base64"
require "json"
require "openssl"
require "set"
require "webrick"

KEY = Base64.strict_decode64(ENV.fetch("WEBHOOK_SECRET").delete_prefix("whsec_"))
SEEN = Set.new # keep it in your database, together with the order

def genuine?(request, body)
  id, sent = request["webhook-id"].to_s, request["webhook-timestamp"].to_s
  return false unless sent.match?(/\A\d+\z/) && (Time.now.to_i - sent.to_i).abs <= 300 # sent again

  expected = "v1," + Base64.strict_encode64(OpenSSL::HMAC.digest("SHA256", KEY, "#{id}.#{sent}.".b + body.b))
  request["webhook-signature"].to_s.split.any? do |given| # two while a secret is rotated
    given.bytesize == expected.bytesize && OpenSSL.fixed_length_secure_compare(given, expected)
  end
end

server = WEBrick::HTTPServer.new(BindAddress: "127.0.0.1", Port: Integer(ENV.fetch("PORT")), AccessLog: [])
server.mount_proc("/") do |request, response|
  body = request.body.to_s
  response.status = genuine?(request, body) ? 204 : 401
  if response.status == 204 && SEEN.add?(request["webhook-id"])
    event = JSON.parse(body)
    puts "received #{event["event"]} #{event["record_id"]}"
    $stdout.flush
  end
end
%w[INT TERM].each { |name| trap(name) { server.shutdown } }
server.start
