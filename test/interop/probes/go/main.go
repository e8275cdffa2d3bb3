// Asks STS who it is, as often as the first argument says, with one client. Prints one ARN a line.
// With "change" it asks until another ARN answers, and prints every new one.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	ctx := context.Background()
	settings, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	client := sts.NewFromConfig(settings)
	ask := func() (string, error) {
		who, err := client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil {
			return "", err
		}
		return *who.Arn, nil
	}
	if os.Args[1] == "change" {
		return untilChange(ask)
	}
	uses, err := strconv.Atoi(os.Args[1])
	for i := 0; i < uses && err == nil; i++ {
		var arn string
		if arn, err = ask(); err == nil {
			fmt.Println(arn)
		}
	}
	return err
}

func untilChange(ask func() (string, error)) error {
	first, last := "", ""
	for last == first {
		arn, err := ask()
		if err != nil {
			return err
		}
		if arn != last {
			fmt.Println(arn)
		}
		if first == "" {
			first = arn
		}
		last = arn
		time.Sleep(100 * time.Millisecond)
	}
	return nil
}
