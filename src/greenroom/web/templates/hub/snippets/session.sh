curl -sS {{ url }}/connect_sessions \
  -u "$GATEWAY_API_KEY:" \
  -H 'content-type: application/json' \
  -d '{"origin_owner_id": "cust_1042", "origin_owner_name": "Hemlock & Rye"}'
