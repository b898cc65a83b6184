// A webhook receiver: PORT=9000 WEBHOOK_SECRET=whsec_… go run receiver.go
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const largest = 1_000_000

var (
	key  []byte
	seen sync.Map // keep it in your database, together with the order
)

func isGenuine(headers http.Header, body []byte) bool {
	id, sent := headers.Get("webhook-id"), headers.Get("webhook-timestamp")
	at, err := strconv.ParseInt(sent, 10, 64)
	if err != nil || math.Abs(float64(time.Now().Unix()-at)) > 300 {
		return false // an old request that is sent again
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + sent + "."))
	mac.Write(body)
	expected := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for _, given := range strings.Fields(headers.Get("webhook-signature")) { // two while a secret is rotated
		if hmac.Equal([]byte(given), []byte(expected)) {
			return true
		}
	}
	return false
}

func receive(writer http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(writer, request.Body, largest))
	if err != nil || !isGenuine(request.Header, body) {
		writer.WriteHeader(http.StatusUnauthorized)
		return
	}
	if _, known := seen.LoadOrStore(request.Header.Get("webhook-id"), true); !known {
		var event struct {
			Event    string `json:"event"`
			RecordID string `json:"record_id"`
		}
		if err := json.Unmarshal(body, &event); err == nil {
			fmt.Println("received", event.Event, event.RecordID)
		}
	}
	writer.WriteHeader(http.StatusNoContent)
}

func main() {
	var err error
	key, err = base64.StdEncoding.DecodeString(strings.TrimPrefix(os.Getenv("WEBHOOK_SECRET"), "whsec_"))
	if err != nil {
		log.Fatal("WEBHOOK_SECRET is not whsec_ and base64")
	}
	http.HandleFunc("/", receive)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
